// `supabase migration up`: applies the files that the database has not seen.
import { appliedVersions, applyMigrations, listMigrations, pendingMigrations } from '../project/migrations.ts'
import { applyVault } from '../project/vault.ts'
import { type Command, flagOn } from './command.ts'
import { exclusiveTargets, reporter, targetFlags, withTarget } from './project-link.ts'

export const migrationUp: Command = {
  name: 'migration up',
  summary: 'Apply pending migrations to the local database',
  flags: [...targetFlags, { name: 'include-all', kind: 'boolean', help: 'also files that are older than the last applied one' }],
  exclusive: [exclusiveTargets],
  async run(invocation) {
    const { flags, io } = invocation
    const report = reporter(invocation)
    await withTarget(invocation, { localByDefault: true }, async ({ project, client }) => {
      const files = listMigrations(project.workDir, report)
      const pending = pendingMigrations(files, await appliedVersions(client), { includeAll: flagOn(flags, 'include-all') })
      await applyVault(client, project.config.db.vault, report)
      await applyMigrations(client, project.workDir, pending, report)
    })
    io.out('Local database is up to date.\n')
    return 0
  },
}
