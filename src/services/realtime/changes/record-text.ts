// A row in the text form of Postgres' composite values: `(1,"a b",)`. Compared by hash with `row(...)::text` of what a table holds now.
import { createHash } from 'node:crypto'

/** Of the columns that are known, in order. */
export function recordText(values: readonly (string | null)[]): string {
  let text = '('
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!
    if (index > 0) text += ','
    if (value === null) continue
    text += value === '' || QUOTED.test(value) ? `"${value.replace(/["\\]/g, '$&$&')}"` : value
  }
  return `${text})`
}

const QUOTED = /["\\(),\s]/

export const md5 = (text: string): string => createHash('md5').update(text).digest('hex')
