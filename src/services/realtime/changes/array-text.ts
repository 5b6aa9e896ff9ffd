// Arrays in Postgres' text form: read into nested lists, and written from a flat one.

export type ArrayItem = string | null | readonly ArrayItem[]

/** Throws SyntaxError. Bounds in front (`[0:1]={...}`) are passed over. */
export function readArray(text: string, delimiter = ','): readonly ArrayItem[] {
  let at = text.startsWith('[') ? text.indexOf('=') + 1 : 0
  const fail = (): never => {
    throw new SyntaxError('Cannot read an array')
  }
  const list = (): ArrayItem[] => {
    if (text[at++] !== '{') fail()
    const items: ArrayItem[] = []
    if (text[at] === '}') {
      at++
      return items
    }
    for (;;) {
      items.push(item())
      const next = text[at++]
      if (next === '}') return items
      if (next !== delimiter) fail()
    }
  }
  const item = (): ArrayItem => {
    if (text[at] === '{') return list()
    if (text[at] === '"') {
      let value = ''
      for (at++; text[at] !== '"'; at++) {
        if (text[at] === '\\') at++
        if (at >= text.length) fail()
        value += text[at]
      }
      at++
      return value
    }
    const from = at
    while (at < text.length && text[at] !== delimiter && text[at] !== '}') at += text[at] === '\\' ? 2 : 1
    const bare = text.slice(from, at)
    if (bare === '') fail()
    return bare === 'NULL' ? null : bare.replace(/\\(.)/gs, '$1')
  }
  const items = list()
  if (at !== text.length) fail()
  return items
}

/** The literal of a one-dimensional array of texts. */
export function writeArray(values: readonly (string | null)[]): string {
  let text = '{'
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!
    if (index > 0) text += ','
    text += value === null ? 'NULL' : PLAIN.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`
  }
  return `${text}}`
}

/** Needs no quotes: not empty, not NULL, no character with a meaning. */
const PLAIN = /^(?!null$)[a-z0-9_.:+-]+$/i
