// The JSON text of `data`: which columns a role sees of a row, in upstream's order of keys.
import type { Row, Side } from './row.ts'

/** What a role may see of a table. */
export interface Access {
  readonly secured: boolean
  /** Name and type of each column that may be read, in the table's order. */
  readonly columns: readonly (readonly [name: string, type: string])[]
  readonly names: ReadonlySet<string>
  /** Equal for equal columns. */
  readonly key: string
}

export type Refusal = 'Error 400: Bad Request, no primary key' | 'Error 401: Unauthorized'

const TOO_LARGE = 'Error 413: Payload Too Large'
const SMALL_BYTES = 64

/** Why a role gets no data of a row, however its filters are. */
export function refusalOf(row: Row, access: Access): Refusal | undefined {
  if (row.action === 'DELETE') return undefined
  const { primary, columns } = row.table!
  if (primary === undefined) return 'Error 400: Bad Request, no primary key'
  return primary.every((index) => access.names.has(columns[index]!.name)) ? undefined : 'Error 401: Unauthorized'
}

/** The same for every role and choice of columns. */
export function refusalData(row: Row, refusal: Refusal): Buffer {
  const old = row.action === 'UPDATE' ? '"old_record":{},' : ''
  return Buffer.from(`{"columns":[],"commit_timestamp":null,"errors":["${refusal}"],${head(row)},${old}"record":{},"type":"${row.action}"}`)
}

/** `keyOnly`: of the old row no more than the primary key, because it cannot be or was not allowed to be seen. */
export function rowData(row: Row, access: Access, select: readonly string[] | undefined, maxRecordBytes: number, keyOnly: boolean): Buffer {
  const { action } = row
  const table = row.table!
  const primary = (name: string): boolean => table.columns.some((column) => column.primary && column.name === name)
  const wanted = (name: string): boolean => access.names.has(name) && (select === undefined || select.includes(name) || primary(name))
  // Below this the row cannot be too large as JSON either: an escaped byte takes six.
  const tooLarge = row.bytes * 6 > maxRecordBytes && row.walBytes() > maxRecordBytes
  const record = (side: Side, only: (name: string) => boolean): string => {
    let text = '{'
    for (const entry of table.keys) {
      const { name } = entry
      if (!only(name)) continue
      const json = entry.index === undefined ? (side === 'now' ? row.generated?.get(name) : undefined) : row.json(side, entry.index)
      if (json === undefined || (tooLarge && Buffer.byteLength(json) > SMALL_BYTES)) continue
      text += text === '{' ? `${entry.json}: ${json}` : `, ${entry.json}: ${json}`
    }
    return `${text}}`
  }
  const old = action === 'INSERT' ? '' : `"old_record":${record('old', keyOnly ? (name) => wanted(name) && primary(name) : wanted)},`
  const now = action === 'DELETE' ? '' : `"record":${record('now', wanted)},`
  const columns = access.columns
    .filter(([name]) => wanted(name))
    .map(([name, type]) => `{"name": ${JSON.stringify(name)}, "type": ${JSON.stringify(type)}}`)
  const errors = tooLarge ? `["${TOO_LARGE}"]` : 'null'
  const time = new Date(row.transaction.committedAt).toISOString()
  return Buffer.from(
    `{"columns":[${columns.join(', ')}],"commit_timestamp":"${time}","errors":${errors},${head(row)},${old}${now}"type":"${action}"}`,
  )
}

const head = ({ relation }: Row): string => `"schema":${JSON.stringify(relation.schema)},"table":${JSON.stringify(relation.name)}`
