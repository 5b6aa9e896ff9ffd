// `supabase migration down`: the database as it was some migrations ago, without making the cluster anew.

import { dropUserObjects } from '../project/drop-user-objects.ts'
import { appliedVersions } from '../project/migrations.ts'
import { applyUserFiles } from '../project/prepare.ts'
import { applyVault } from '../project/vault.ts'
import { CliError, type Command, flagText } from './command.ts'
import { exclusiveTargets, reporter, targetFlags, withTarget } from './project-link.ts'

export const migrationDown: Command = {
  name: 'migration down',
  summary: 'Go back to an earlier migration: all data of the project is dropped, migrations and seeds run again',
  flags: [...targetFlags, { name: 'last', kind: 'string', value: 'N', default: '1', help: 'how many migrations to go back' }],
  exclusive: [exclusiveTargets],
  async run(invocation) {
    const { flags, io } = invocation
    const last = flagText(flags, 'last') ?? '1'
    if (!/^\d+$/.test(last)) throw new CliError(`invalid argument "${last}" for "--last" flag: not a whole number`)
    if (Number(last) === 0) throw new CliError('--last must be greater than 0')
    const report = reporter(invocation)
    await withTarget(invocation, { localByDefault: true }, async ({ project, client }) => {
      const applied = await appliedVersions(client)
      const kept = applied.length - Number(last)
      if (kept <= 0) throw new CliError(`--last must be smaller than total applied migrations: ${applied.length}`)
      const question = `Do you want to revert the following migrations?\n${applied
        .slice(kept)
        .map((version) => ` • ${version}`)
        .join('\n')}\n`
      if (!(await io.confirm(question, false))) throw new CliError('context canceled')
      const version = applied[kept - 1]!
      report(`Resetting database to version: ${version}`)
      await dropUserObjects(client)
      await applyVault(client, project.config.db.vault, report)
      await applyUserFiles(client, project, { version, report })
    })
    return 0
  },
}
