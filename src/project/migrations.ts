// The files of supabase/migrations and the record of those that a database has seen.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from 'pg'
import type { PipelineStatement } from './pipeline.ts'
import { runPipeline } from './pipeline.ts'
import { readSqlFile, runSqlFile } from './sql-file.ts'

export const MIGRATIONS_DIR = join('supabase', 'migrations')

export interface MigrationFile {
  readonly fileName: string
  /** Relative to the project folder. */
  readonly path: string
  readonly version: string
  readonly name: string
}

export type Report = (line: string) => void

/** The migrations in the order of their names. Other files are told and left out; folders are left out silently. */
export function listMigrations(workDir: string, report: Report = () => {}): MigrationFile[] {
  const files: MigrationFile[] = []
  for (const [index, fileName] of namesOf(join(workDir, MIGRATIONS_DIR)).entries()) {
    const [, version, name] = /^([0-9]+)_(.*)\.sql$/.exec(fileName) ?? []
    if (index === 0 && isOldInit(fileName)) {
      report(`Skipping migration ${fileName}... (replace "init" with a different file name to apply this migration)`)
    } else if (version === undefined || name === undefined) {
      report(`Skipping migration ${fileName}... (file name must match pattern "<timestamp>_name.sql")`)
    } else files.push({ fileName, path: join(MIGRATIONS_DIR, fileName), version, name })
  }
  return files
}

function namesOf(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map(({ name }) => name)
      .sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** What the first releases wrote as a first migration was a dump of their own schemas. */
function isOldInit(fileName: string): boolean {
  const version = /^([0-9]{14})_init\.sql$/.exec(fileName)?.[1]
  return version !== undefined && version < '20211209000000'
}

/** The histories of the folder and the database do not fit together. */
export class MigrationOrderError extends Error {
  readonly suggestion: string
  constructor(message: string, suggestion: string) {
    super(message)
    this.name = 'MigrationOrderError'
    this.suggestion = suggestion
  }
}

/** What is to be applied, in order. Older files than the last applied one are an error unless they are to be included. */
export function pendingMigrations(
  files: readonly MigrationFile[],
  applied: readonly string[],
  { includeAll = false, program = 'plinth' }: { includeAll?: boolean; program?: string } = {},
): MigrationFile[] {
  const missing: string[] = []
  const late: MigrationFile[] = []
  let file = 0
  let row = 0
  while (row < applied.length && file < files.length) {
    const there = applied[row]!
    const here = files[file]!
    if (there === here.version) {
      row++
      file++
    } else if (there < here.version) {
      missing.push(there)
      row++
    } else {
      late.push(here)
      file++
    }
  }
  missing.push(...applied.slice(row))
  if (missing.length > 0) {
    throw new MigrationOrderError(
      'Remote migration versions not found in local migrations directory.',
      `If the files are gone for good, take them out of the history:\n${program} migration repair --status reverted ${missing.join(' ')}`,
    )
  }
  if (late.length > 0 && !includeAll) {
    throw new MigrationOrderError(
      'Found local migration files to be inserted before the last migration on remote database.',
      `Rerun the command with --include-all to apply these migrations too:\n${late.map(({ path }) => path).join('\n')}`,
    )
  }
  return [...late, ...files.slice(file)]
}

const HISTORY_TABLE: readonly PipelineStatement[] = [
  "set lock_timeout = '4s'",
  'create schema if not exists supabase_migrations',
  'create table if not exists supabase_migrations.schema_migrations (version text not null primary key)',
  'alter table supabase_migrations.schema_migrations add column if not exists statements text[]',
  'alter table supabase_migrations.schema_migrations add column if not exists name text',
].map((text) => ({ text }))

export async function createHistoryTable(client: Client): Promise<void> {
  await runPipeline(client, HISTORY_TABLE)
}

/** Versions in the history, sorted; none where there is no history yet. */
export async function appliedVersions(client: Client): Promise<string[]> {
  const { rows: found } = await client.query<{ there: boolean }>(
    "select to_regclass('supabase_migrations.schema_migrations') is not null as there",
  )
  if (!found[0]?.there) return []
  const { rows } = await client.query<{ version: string }>(
    'select version from supabase_migrations.schema_migrations order by version collate "C"',
  )
  return rows.map(({ version }) => version)
}

/** The row of the history for one file; a row that is there is brought up to date. */
export function historyRow(file: MigrationFile, statements: readonly string[]): PipelineStatement {
  return {
    text: `insert into supabase_migrations.schema_migrations (version, name, statements) values ($1, $2, $3::text[])
on conflict (version) do update set name = excluded.name, statements = excluded.statements`,
    values: [file.version, file.name, statements],
  }
}

/** Applies the files one after the other, each as one implicit transaction together with its row in the history. */
export async function applyMigrations(client: Client, workDir: string, files: readonly MigrationFile[], report: Report): Promise<void> {
  if (files.length === 0) return
  await createHistoryTable(client)
  for (const file of files) {
    report(`Applying migration ${file.fileName}...`)
    // Settings of the file before (an empty search_path, a timeout) must not reach this one.
    await client.query('reset all')
    const sql = readSqlFile(workDir, file.path)
    await runSqlFile(client, sql, [
      historyRow(
        file,
        sql.statements.map(({ text }) => text),
      ),
    ])
  }
  await client.query('reset all')
}
