// Everything a request tells its transaction, as one SELECT of set_config calls. Names are part of the text, values are parameters.
import { literal } from './text.ts'

export type Setting = readonly [name: string, value: string]

/** The texts by the names in them: a handful per server, and mostly the one of the request before. */
export class SettingsTexts {
  readonly #texts = new Map<string, string>()
  #names: readonly string[] = []
  #text = ''

  statement(settings: readonly Setting[]): { text: string; values: string[] } {
    const values: string[] = new Array(settings.length)
    let same = this.#names.length === settings.length
    for (let index = 0; index < settings.length; index++) {
      const [name, value] = settings[index]!
      values[index] = value
      if (same && name !== this.#names[index]) same = false
    }
    if (!same) {
      this.#names = settings.map(([name]) => name)
      this.#text = this.#textOf(this.#names)
    }
    return { text: this.#text, values }
  }

  #textOf(names: readonly string[]): string {
    const key = names.join('\0')
    let text = this.#texts.get(key)
    if (text === undefined) {
      text =
        names.length === 0
          ? 'select'
          : `select ${names.map((name, index) => `set_config(${literal(name)}, $${index + 1}, true)`).join(', ')}`
      // Function and role settings are the schema's own; this many combinations are not reached by any real one.
      if (this.#texts.size < 1_000) this.#texts.set(key, text)
    }
    return text
  }
}
