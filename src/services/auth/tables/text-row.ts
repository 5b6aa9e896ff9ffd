// Rows that came as text, in columns without names: each column by its kind, as the pool's driver would read it.
import pg from 'pg'

export type TextRow = readonly (Buffer | null)[]
export type Kind = 'text' | 'flag' | 'number' | 'time' | 'json'
export type Column = readonly [name: string, kind: Kind]

const time = pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ) as (text: string) => Date

/** The columns from `at` on, as an object. */
export function readColumns(columns: readonly Column[], row: TextRow, at: number): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (let index = 0; index < columns.length; index++) {
    const [name, kind] = columns[index]!
    const bytes = row[at + index]
    values[name] = bytes === null || bytes === undefined ? null : read(kind, bytes.toString())
  }
  return values
}

function read(kind: Kind, text: string): unknown {
  switch (kind) {
    case 'text':
      return text
    case 'flag':
      return text === 't'
    case 'number':
      return Number(text)
    case 'time':
      return time(text)
    case 'json':
      return JSON.parse(text)
  }
}
