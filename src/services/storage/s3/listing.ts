// A page of a bucket's keys as the caller may see them, in the order of bytes. Keys that share what stands before the delimiter are one
// entry; the index is walked from entry to entry, so a page costs what it shows and not what lies in its folders.
import type { Call } from '../caller/caller.ts'
import type { StorageContext } from '../context.ts'
import { type Query, rows } from '../database/sql.ts'
import type { ObjectMetadata } from '../objects/object.ts'

export interface ListRequest {
  readonly bucket: string
  readonly prefix: string
  /** Empty: every key is an entry. */
  readonly delimiter: string
  /** The last entry of the page before; empty at the start. */
  readonly after: string
  readonly limit: number
}

export interface Entry {
  /** The key, or the common prefix with its delimiter. */
  readonly name: string
  /** The rest is null of a common prefix. */
  readonly updated_at: string | null
  readonly metadata: ObjectMetadata | null
  readonly folder: boolean
}

export interface Page {
  readonly entries: readonly Entry[]
  readonly truncated: boolean
}

export async function listPage({ database }: StorageContext, call: Call, request: ListRequest): Promise<Page> {
  // Postgres has no such text, so there is no such key.
  if ([request.prefix, request.delimiter, request.after, request.bucket].some((text) => text.includes('\0')))
    return { entries: [], truncated: false }
  const found = await database.rowsAs<Entry>(call, request.delimiter === '' ? flat(request) : grouped(request))
  return { entries: found.slice(0, request.limit), truncated: found.length > request.limit }
}

/** Sorts behind every character that a key can hold. */
const LAST = '\u{10ffff}'

const flat = ({ bucket, prefix, after, limit }: ListRequest): Query =>
  rows(
    `select name, updated_at, metadata, false as folder from storage.objects
      where bucket_id = $1 and name collate "C" >= $2 and name collate "C" < $3 and name collate "C" > $4
      order by name collate "C" limit $5::integer`,
    [bucket, prefix, prefix + LAST, after, limit + 1],
  )

/** Where the page before ended in a common prefix, everything in it has been shown. */
function resumeAfter({ prefix, delimiter, after }: ListRequest): string {
  const at = after.startsWith(prefix) ? after.indexOf(delimiter, prefix.length) : -1
  return at >= 0 && at + delimiter.length === after.length ? after + LAST : after
}

function grouped(request: ListRequest): Query {
  const { bucket, prefix, delimiter, limit } = request
  const next = (low: string) => `
    select o.name, o.updated_at, o.metadata,
           left(o.name, char_length($2) + nullif(position($5 in substr(o.name, char_length($2) + 1)), 0) - 1 + char_length($5)) as folder
      from storage.objects o
     where o.bucket_id = $1 and o.name collate "C" >= $2 and o.name collate "C" < $3 and o.name collate "C" > ${low}
     order by o.name collate "C" limit 1`
  return rows(
    `with recursive walk as (
       (select 1 as place, first.* from (${next('$4')}) first)
       union all
       select walk.place + 1, following.*
         from walk cross join lateral (${next('coalesce(walk.folder || $7, walk.name)')}) following
        where walk.place < $6::integer
     )
     select coalesce(folder, name) as name, case when folder is null then updated_at end as updated_at,
            case when folder is null then metadata end as metadata, folder is not null as folder
       from walk order by place`,
    [bucket, prefix, prefix + LAST, resumeAfter(request), delimiter, limit + 1, LAST],
  )
}
