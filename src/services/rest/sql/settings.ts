// Everything a request tells its transaction, as one SELECT of set_config calls. Names are part of the text, values are parameters.
import { literal } from './text.ts'

export type Setting = readonly [name: string, value: string]

/** The texts by the names in them: a handful per server. */
export class SettingsTexts {
  readonly #texts = new Map<string, string>()

  statement(settings: readonly Setting[]): { text: string; values: string[] } {
    let key = ''
    const values: string[] = new Array(settings.length)
    for (let index = 0; index < settings.length; index++) {
      key += `${settings[index]![0]}\0`
      values[index] = settings[index]![1]
    }
    let text = this.#texts.get(key)
    if (text === undefined) {
      text = `select ${settings.map(([name], index) => `set_config(${literal(name)}, $${index + 1}, true)`).join(', ')}`
      // Function and role settings are the schema's own; this many combinations are not reached by any real one.
      if (this.#texts.size < 1_000) this.#texts.set(key, text)
    }
    return { text, values }
  }
}
