// One row of the stream on its way to its subscribers: its values as text and as JSON, each made once however many look at it.
import type { Begin, Change, Relation } from '../replication/pgoutput.ts'
import type { Action } from './binding.ts'
import type { Table } from './catalog.ts'

const ACTIONS = { insert: 'INSERT', update: 'UPDATE', delete: 'DELETE' } as const
/** Beside name, type and value of each column. */
const WAL_OVERHEAD = { row: 200, column: 62 }

export type Side = 'now' | 'old'

export class Row {
  readonly change: Change
  readonly relation: Relation
  readonly transaction: Begin
  readonly action: Action
  readonly bytes: number
  /** Known once the catalog was asked. */
  table: Table | undefined
  /** What only the database can convert, filled in before the message is built. */
  readonly converted = new Map<string, string>()
  /** Values of generated columns as JSON. */
  generated: ReadonlyMap<string, string> | undefined
  readonly #json: Record<Side, (string | undefined)[]> = { now: [], old: [] }

  constructor(change: Change, relation: Relation, transaction: Begin) {
    this.change = change
    this.relation = relation
    this.transaction = transaction
    this.action = ACTIONS[change.kind]
    let bytes = 500
    for (const value of 'row' in change ? change.row : []) bytes += value?.length ?? 0
    for (const value of ('old' in change ? change.old : undefined) ?? []) bytes += value?.length ?? 0
    this.bytes = bytes
  }

  /**
   * The bytes of a column's text. Null is NULL; undefined is what the log does not hold. The new row takes a stored value that was not
   * touched from a full old row; the old row is that of the replica identity, which an update that leaves the key alone has in the new one.
   */
  value(side: Side, index: number): Buffer | null | undefined {
    const { change } = this
    if (side === 'now') {
      if (change.kind === 'delete') return undefined
      const value = change.row[index]
      return value === undefined && change.kind === 'update' && change.oldIs === 'full' ? change.old?.[index] : value
    }
    if (change.kind === 'insert' || !this.relation.columns[index]?.key) return undefined
    return (change.kind === 'update' ? (change.old ?? change.row) : change.old)[index]
  }

  text(side: Side, index: number): string | null | undefined {
    const value = this.value(side, index)
    return value == null ? value : value.toString('utf8')
  }

  /** A column as JSON; undefined where the log does not hold it. */
  json(side: Side, index: number): string | undefined {
    const cache = this.#json[side]
    let text = cache[index]
    if (text !== undefined) return text
    const value = this.text(side, index)
    if (value === undefined) return undefined
    const { convert, type } = this.table!.columns[index]!
    if (value === null) text = 'null'
    else if (convert !== undefined) text = converted(convert, value)
    else text = this.converted.get(conversionKey(type.sql, value)) ?? JSON.stringify(value)
    cache[index] = text
    return text
  }

  /** About as many bytes as upstream counts: the row as wal2json writes it. */
  walBytes(): number {
    let bytes = WAL_OVERHEAD.row
    const { columns } = this.table!
    for (let index = 0; index < columns.length; index++) {
      for (const side of ['now', 'old'] as const) {
        if (this.value(side, index) === undefined) continue
        bytes += WAL_OVERHEAD.column + columns[index]!.name.length + Buffer.byteLength(this.json(side, index)!)
      }
    }
    return bytes
  }
}

export const conversionKey = (sql: string, text: string): string => `${sql} ${text}`

function converted(convert: (text: string, inside: boolean) => string, text: string): string {
  try {
    return convert(text, false)
  } catch {
    // Not in the form that its type has: told as it is rather than not at all.
    return JSON.stringify(text)
  }
}
