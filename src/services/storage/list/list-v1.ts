// The first list: one folder, names relative to it, folders among the files. The function storage.search does the work, as the caller.
import type { Call } from '../caller/caller.ts'
import type { StorageContext } from '../context.ts'
import { likeLiteral, rows } from '../database/sql.ts'
import { iso } from '../objects/object.ts'

export const LIST_COLUMNS = ['name', 'updated_at', 'created_at', 'last_accessed_at'] as const
const MOST = 1_500

export interface ListV1 {
  readonly bucket: string
  readonly prefix: string
  readonly limit: number
  readonly offset: number
  readonly search: string
  readonly column: (typeof LIST_COLUMNS)[number]
  readonly order: 'asc' | 'desc'
}

export interface ListedObject {
  readonly name: string
  readonly id: string | null
  readonly updated_at: string | null
  readonly created_at: string | null
  readonly last_accessed_at: string | null
  readonly metadata: unknown
}

export async function listV1({ database }: StorageContext, call: Call, asked: ListV1): Promise<ListedObject[]> {
  if ([asked.bucket, asked.prefix, asked.search].some((text) => text.includes('\0'))) return []
  const folder = asked.prefix !== '' && !asked.prefix.endsWith('/') ? `${asked.prefix}/` : asked.prefix
  const levels = (folder + asked.search).split('/').length
  // By name the function compares texts; by time it matches patterns.
  const pattern = (text: string): string => (asked.column === 'name' ? text : likeLiteral(text))
  const found = await database.rowsAs<ListedObject>(
    call,
    rows(
      'select name, id, updated_at, created_at, last_accessed_at, metadata from storage.search($1, $2, $3::integer, $4::integer, $5::integer, $6, $7, $8)',
      [
        pattern(folder),
        asked.bucket,
        Math.min(asked.limit, MOST),
        levels,
        Math.min(asked.offset, 2_147_483_647),
        pattern(asked.search),
        asked.column,
        asked.order,
      ],
    ),
  )
  return found.map(withTimes)
}

export const withTimes = <Row extends { updated_at: string | null; created_at: string | null; last_accessed_at: string | null }>(
  row: Row,
): Row => ({
  ...row,
  updated_at: row.updated_at && iso(row.updated_at),
  created_at: row.created_at && iso(row.created_at),
  last_accessed_at: row.last_accessed_at && iso(row.last_accessed_at),
})
