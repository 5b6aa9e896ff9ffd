// `supabase db push`: applies pending migrations to a database that is kept; the local one has to be named.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { appliedVersions, applyMigrations, listMigrations, pendingMigrations } from '../project/migrations.ts'
import { applyRoles } from '../project/roles.ts'
import { applySeeds, findSeeds } from '../project/seeds.ts'
import { applyVault } from '../project/vault.ts'
import { CliError, type Command, flagOn, type Invocation } from './command.ts'
import { exclusiveTargets, reporter, type Target, targetFlags, withTarget } from './project-link.ts'

export const dbPush: Command = {
  name: 'db push',
  summary: 'Apply pending migrations to a database (--local, --db-url)',
  flags: [
    ...targetFlags,
    { name: 'dry-run', kind: 'boolean', help: 'say what would be applied, and do nothing' },
    { name: 'include-all', kind: 'boolean', help: 'also files that are older than the last applied one' },
    { name: 'include-roles', kind: 'boolean', help: 'also roles.sql' },
    { name: 'include-seed', kind: 'boolean', help: 'also the seed files that are new' },
  ],
  exclusive: [exclusiveTargets],
  async run(invocation) {
    const done = await withTarget(invocation, { localByDefault: false }, (target) => push(invocation, target))
    const name = invocation.flags['db-url'] === undefined ? 'Local' : 'Remote'
    invocation.io.out(done ? 'Finished supabase db push.\n' : `${name} database is up to date.\n`)
    return 0
  },
}

/** Resolves to whether there was anything to do. */
async function push(invocation: Invocation, { project, client }: Target): Promise<boolean> {
  const { flags, io } = invocation
  const { config, workDir } = project
  const report = reporter(invocation)
  const dry = flagOn(flags, 'dry-run')
  if (dry) report('DRY RUN: migrations will *not* be pushed to the database.')
  const files = config.db.migrations.enabled ? listMigrations(workDir, report) : []
  if (!config.db.migrations.enabled) report('Skipping migrations because it is disabled in config.toml for project.')
  const pending = config.db.migrations.enabled
    ? pendingMigrations(files, await appliedVersions(client), { includeAll: flagOn(flags, 'include-all') })
    : []
  const roles = flagOn(flags, 'include-roles') && existsSync(join(workDir, 'supabase', 'roles.sql'))
  const seeds = flagOn(flags, 'include-seed') && config.db.seed.enabled ? findSeeds(workDir, config.db.seed.sql_paths, report) : []
  if (pending.length === 0 && seeds.length === 0 && !roles) return false
  const names = [...(roles ? ['supabase/roles.sql'] : []), ...pending.map(({ fileName }) => fileName), ...seeds.map(({ path }) => path)]
  const listed = names.map((name) => ` • ${name}`).join('\n')
  if (dry) {
    report(`Would push these files:\n${listed}`)
    return true
  }
  if (!(await io.confirm(`Do you want to push these files to the database?\n${listed}\n`, true))) throw new CliError('context canceled')
  if (roles) await applyRoles(client, workDir, report)
  await applyVault(client, config.db.vault, report)
  await applyMigrations(client, workDir, pending, report)
  await applySeeds(client, seeds, report)
  return true
}
