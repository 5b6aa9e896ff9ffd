// `supabase seed buckets`: the buckets of config.toml made or changed in the running project.
import { bucketsOf, writeBuckets } from '../project/buckets.ts'
import { connect, databaseUrl } from '../project/connect.ts'
import { CliError, type Command, flagOn } from './command.ts'
import { openProject, reporter } from './project-link.ts'

export const seedBuckets: Command = {
  name: 'seed buckets',
  summary: 'Make the buckets of config.toml',
  flags: [
    { name: 'local', kind: 'boolean', help: 'the local stack (default)' },
    { name: 'linked', kind: 'boolean', help: '', hidden: true },
  ],
  exclusive: [['local', 'linked']],
  async run(invocation) {
    if (flagOn(invocation.flags, 'linked')) throw new CliError('seed buckets works on the local stack only.')
    const { config } = openProject(invocation)
    const buckets = bucketsOf(config)
    if (buckets.length === 0) return 0
    const client = await connect(databaseUrl(config, 'supabase_storage_admin')).catch((error: unknown) => {
      throw new CliError((error as Error).message, {
        suggestion: 'Is the local stack running? Start it with: supabase start',
        cause: error,
      })
    })
    try {
      await writeBuckets(client, buckets, reporter(invocation))
    } finally {
      await client.end()
    }
    return 0
  },
}
