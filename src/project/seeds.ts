// Seed files: which ones a project names, which a database has seen already, and running the new ones.
import { createHash } from 'node:crypto'
import type { Client } from 'pg'
import { matchFiles } from './globs.ts'
import type { Report } from './migrations.ts'
import { runPipeline } from './pipeline.ts'
import { readSqlFile, runSqlFile, type SqlFile } from './sql-file.ts'

export interface SeedFile extends SqlFile {
  /** Hex SHA-256 of the file's bytes. */
  readonly hash: string
}

/** The seed files in the order in which they run; a pattern without a match is a warning. */
export function findSeeds(workDir: string, patterns: readonly string[], report: Report): SeedFile[] {
  const { files, unmatched } = matchFiles(workDir, patterns)
  for (const pattern of unmatched) report(`WARN: no files matched pattern: ${pattern}`)
  return files.map((path) => {
    const file = readSqlFile(workDir, path)
    return { ...file, hash: createHash('sha256').update(file.bytes).digest('hex') }
  })
}

/**
 * Runs the seeds that the database has not seen. One that it has seen in another form is not run again: only its hash is renewed.
 * Each file is one implicit transaction with its record.
 */
export async function applySeeds(client: Client, seeds: readonly SeedFile[], report: Report): Promise<void> {
  const known = await knownHashes(client)
  const pending = seeds.filter(({ path, hash }) => known.get(path) !== hash)
  if (pending.length === 0) return
  await createSeedTable(client)
  for (const seed of pending) {
    const record = {
      text: `insert into supabase_migrations.seed_files (path, hash) values ($1, $2)
on conflict (path) do update set hash = excluded.hash`,
      values: [seed.path, seed.hash],
    }
    await client.query('reset all')
    if (known.has(seed.path)) {
      report(`Updating seed hash to ${seed.path}...`)
      await runPipeline(client, [record])
    } else {
      report(`Seeding data from ${seed.path}...`)
      await runSqlFile(client, seed, [record])
    }
  }
  await client.query('reset all')
}

async function knownHashes(client: Client): Promise<Map<string, string>> {
  const { rows: found } = await client.query<{ there: boolean }>(
    "select to_regclass('supabase_migrations.seed_files') is not null as there",
  )
  if (!found[0]?.there) return new Map()
  const { rows } = await client.query<{ path: string; hash: string }>('select path, hash from supabase_migrations.seed_files')
  return new Map(rows.map(({ path, hash }) => [path, hash]))
}

async function createSeedTable(client: Client): Promise<void> {
  await runPipeline(
    client,
    [
      "set lock_timeout = '4s'",
      'create schema if not exists supabase_migrations',
      'create table if not exists supabase_migrations.seed_files (path text not null primary key, hash text not null)',
    ].map((text) => ({ text })),
  )
}
