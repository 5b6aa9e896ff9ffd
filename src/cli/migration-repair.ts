// `supabase migration repair`: changes the history without running anything.
import type { Client } from 'pg'
import { createHistoryTable, historyRow, listMigrations, type MigrationFile } from '../project/migrations.ts'
import { type PipelineStatement, runPipeline } from '../project/pipeline.ts'
import { readSqlFile } from '../project/sql-file.ts'
import { CliError, type Command, flagText } from './command.ts'
import { exclusiveTargets, targetFlags, withTarget } from './project-link.ts'

export const migrationRepair: Command = {
  name: 'migration repair',
  summary: 'Record migrations as applied or reverted, without running them',
  args: '[VERSION...]',
  maxArgs: Number.POSITIVE_INFINITY,
  flags: [
    ...targetFlags,
    { name: 'status', kind: 'string', value: 'STATUS', oneOf: ['applied', 'reverted'], help: 'what the versions are to be' },
  ],
  exclusive: [exclusiveTargets],
  required: ['status'],
  async run(invocation) {
    const { args, flags, io } = invocation
    const status = flagText(flags, 'status') as 'applied' | 'reverted'
    for (const version of args) if (!/^\d+$/.test(version)) throw new CliError(`failed to parse ${version}: invalid version number`)
    await withTarget(invocation, { localByDefault: false }, async ({ project, client }) => {
      if (args.length === 0) {
        const question = 'Do you want to repair the entire migration history table to match local migration files?'
        if (!(await io.confirm(question, false))) throw new CliError('context canceled')
      }
      await repair(client, project.workDir, status, args)
    })
    io.err(`Repaired migration history: [${args.join(' ')}] => ${status}\n`)
    io.out('Finished supabase migration repair.\n')
    return 0
  },
}

async function repair(client: Client, workDir: string, status: 'applied' | 'reverted', versions: readonly string[]): Promise<void> {
  const files = listMigrations(workDir)
  const row = (file: MigrationFile): PipelineStatement =>
    historyRow(
      file,
      readSqlFile(workDir, file.path).statements.map(({ text }) => text),
    )
  const changes: PipelineStatement[] = []
  if (versions.length === 0) changes.push({ text: 'truncate supabase_migrations.schema_migrations' })
  if (versions.length === 0 && status === 'applied') changes.push(...files.map(row))
  for (const version of versions) {
    const file = files.find((candidate) => candidate.version === version)
    if (status === 'reverted')
      changes.push({ text: 'delete from supabase_migrations.schema_migrations where version = $1', values: [version] })
    else if (file) changes.push(row(file))
    else throw new CliError(`glob supabase/migrations/${version}_*.sql: file does not exist`)
  }
  await createHistoryTable(client)
  await runPipeline(client, changes)
}
