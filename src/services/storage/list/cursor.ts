// Where a page of the second list ended: lines of `key:value` in base64, as upstream writes them.
import { errors } from '../errors.ts'

export const SORT_COLUMNS = ['name', 'created_at', 'updated_at'] as const
export type SortColumn = (typeof SORT_COLUMNS)[number]
export type SortOrder = 'asc' | 'desc'

export interface Cursor {
  readonly last: string
  readonly order?: SortOrder | undefined
  readonly column?: SortColumn | undefined
  /** ISO time of the last row, where the list is by time. */
  readonly after?: string | undefined
}

export function encodeCursor({ last, order, column, after }: Cursor): string {
  const lines = [`l:${last}`]
  if (order !== undefined) lines.push(`o:${order}`)
  if (column !== undefined) lines.push(`c:${column}`)
  if (after !== undefined) lines.push(`a:${after}`)
  return Buffer.from(lines.join('\n')).toString('base64')
}

/** Throws InvalidParameter. */
export function decodeCursor(text: string): Cursor {
  const fields = new Map<string, string>()
  for (const line of Buffer.from(text, 'base64').toString().split('\n')) {
    const found = /^([loca]):(.*)$/s.exec(line)
    if (found === null) throw refused()
    fields.set(found[1]!, found[2]!)
  }
  const order = fields.get('o')
  const column = fields.get('c')
  const after = fields.get('a')
  if (order !== undefined && order !== 'asc' && order !== 'desc') throw refused()
  if (column !== undefined && !isColumn(column)) throw refused()
  if (after !== undefined && Number.isNaN(Date.parse(after))) throw refused()
  return { last: fields.get('l') ?? '', order, column, after }
}

const isColumn = (name: string): name is SortColumn => (SORT_COLUMNS as readonly string[]).includes(name)
const refused = () => errors.invalidParameter('continuation token')
