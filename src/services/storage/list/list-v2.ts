// The second list: full names in byte order, page by page; with a delimiter folders stand for what lies in them.
import type { Call } from '../caller/caller.ts'
import type { StorageContext } from '../context.ts'
import { type Query, rows } from '../database/sql.ts'
import { type Cursor, decodeCursor, encodeCursor, type SortColumn, type SortOrder } from './cursor.ts'
import { type ListedObject, withTimes } from './list-v1.ts'

export interface ListV2 {
  readonly bucket: string
  readonly prefix: string
  readonly limit: number
  readonly cursor?: string | undefined
  /** Names behind this one, where there is no cursor. */
  readonly startAfter?: string | undefined
  readonly delimited: boolean
  readonly order?: SortOrder | undefined
  readonly column?: SortColumn | undefined
}

export interface ListedV2 {
  readonly hasNext: boolean
  readonly nextCursor?: string
  readonly nextCursorKey?: string
  readonly folders: readonly (ListedObject & { key?: string })[]
  readonly objects: readonly (ListedObject & { key?: string })[]
}

const MOST = 1_000

export async function listV2({ database }: StorageContext, call: Call, asked: ListV2): Promise<ListedV2> {
  const at: Cursor = asked.cursor === undefined ? { last: asked.startAfter ?? '' } : decodeCursor(asked.cursor)
  if ([asked.bucket, asked.prefix, at.last].some((text) => text.includes('\0'))) return { hasNext: false, folders: [], objects: [] }
  const order = at.order ?? asked.order
  const column = at.column ?? asked.column
  const limit = Math.min(asked.limit, MOST)
  const how = { ...asked, at, order: order ?? 'asc', column: column ?? 'name', limit: limit + 1 } as const
  const found = await database.rowsAs<ListedObject & { key?: string }>(call, asked.delimited ? delimited(how) : flat(how))
  const page = found.slice(0, limit)
  const hasNext = found.length > limit
  const last = page.at(-1)
  const folders = page.filter(({ id }) => id === null).map((row) => withTimes({ ...row, name: `${row.name}/` }))
  const objects = page.filter(({ id }) => id !== null).map(withTimes)
  if (!hasNext || last === undefined) return { hasNext: false, folders, objects }
  const time = column === undefined || column === 'name' ? undefined : last[column]
  return {
    hasNext,
    nextCursor: encodeCursor({ last: last.name, order, column, ...(time && { after: new Date(time).toISOString() }) }),
    nextCursorKey: last.id === null ? `${last.name}/` : last.name,
    folders,
    objects,
  }
}

interface How extends ListV2 {
  readonly at: Cursor
  readonly order: SortOrder
  readonly column: SortColumn
}

function flat({ bucket, prefix, at, order, column, limit }: How): Query {
  const upwards = order === 'asc'
  const values: (string | number)[] = [bucket, prefix, limit]
  const where = [`bucket_id = $1`]
  if (prefix === '') where.push('$2 = $2')
  else where.push(`name collate "C" >= $2 and name collate "C" < $2 || chr(1114111)`)
  const time = column === 'name' ? undefined : `date_trunc('milliseconds', ${column})`
  const compare = upwards ? '>' : '<'
  if (at.last !== '' && (time === undefined || at.after === undefined)) {
    values.push(at.last)
    where.push(`name collate "C" ${compare} $4`)
  } else if (at.last !== '') {
    values.push(at.last, at.after!)
    where.push(`row (${time}, name collate "C") ${compare} row ($5::timestamptz, $4)`)
  }
  const by = [...(time === undefined ? [] : [time]), 'name collate "C"'].map((one) => `${one} ${order}`).join(', ')
  return rows(
    `select id, name, metadata, updated_at, created_at, last_accessed_at from storage.objects where ${where.join(' and ')} order by ${by} limit $3::integer`,
    values,
  )
}

function delimited({ bucket, prefix, at, order, column, limit }: How): Query {
  return rows(
    'select key, name, id, metadata, updated_at, created_at, last_accessed_at from storage.search_v2($1, $2, $3::integer, $4::integer, $5, $6, $7, $8)',
    [prefix, bucket, limit, prefix.split('/').length, at.last, order, column, at.after ?? ''],
  )
}
