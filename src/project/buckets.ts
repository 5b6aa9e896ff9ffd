// [storage.buckets.X]: the buckets that a project declares, as rows of storage.buckets.
import type { Client } from 'pg'
import type { ProjectConfig } from './config/schema.ts'
import type { Report } from './migrations.ts'

export interface BucketRow {
  readonly id: string
  readonly public: boolean
  readonly fileSizeLimit: number
  readonly allowedMimeTypes: readonly string[] | null
}

/** The declared buckets; a limit of their own is absent where that of [storage] holds. */
export function bucketsOf(config: ProjectConfig): BucketRow[] {
  return Object.entries(config.storage.buckets).map(([id, bucket]) => ({
    id,
    public: bucket.public,
    fileSizeLimit: bucket.file_size_limit ?? config.storage.file_size_limit,
    allowedMimeTypes: bucket.allowed_mime_types && bucket.allowed_mime_types.length > 0 ? bucket.allowed_mime_types : null,
  }))
}

/** Makes or changes the buckets, on a connection that may write the schema storage. */
export async function writeBuckets(client: Client, buckets: readonly BucketRow[], report: Report): Promise<void> {
  const { rows } = await client.query<{ id: string }>('select id from storage.buckets')
  const known = new Set(rows.map(({ id }) => id))
  for (const bucket of buckets) {
    report(`${known.has(bucket.id) ? 'Updating' : 'Creating'} Storage bucket: ${bucket.id}`)
    await client.query(
      `insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types) values ($1, $1, $2, $3, $4)
on conflict (id) do update set public = excluded.public, file_size_limit = excluded.file_size_limit,
  allowed_mime_types = excluded.allowed_mime_types, updated_at = now()`,
      [bucket.id, bucket.public, bucket.fileSizeLimit, bucket.allowedMimeTypes],
    )
  }
}
