// `plinth db reset`: the whole cluster made anew, with roles, migrations, seeds and buckets of the local project.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { listMigrations } from '../project/migrations.ts'
import { ask } from '../stack/control.ts'
import { formOf } from '../stack/state-dir.ts'
import { CliError, type Command, type FlagValues, flagOn, flagText } from './command.ts'
import { liveStack, workDirOf } from './stack-link.ts'

export const dbReset: Command = {
  name: 'db reset',
  summary: 'Make the local database anew, with all migrations and seeds',
  flags: [
    { name: 'local', kind: 'boolean', help: 'the database of the local stack (default)' },
    { name: 'linked', kind: 'boolean', help: '', hidden: true },
    { name: 'db-url', kind: 'string', help: '', hidden: true },
    { name: 'no-seed', kind: 'boolean', help: 'leave out the seed files' },
    { name: 'version', kind: 'string', value: 'VERSION', help: 'apply migrations up to this version only' },
    { name: 'last', kind: 'string', value: 'N', help: 'apply all but the last N migrations' },
  ],
  exclusive: [
    ['local', 'linked', 'db-url'],
    ['version', 'last'],
  ],
  async run(invocation) {
    const { flags, io } = invocation
    if (flagOn(flags, 'linked') || flagText(flags, 'db-url') !== undefined) throw new CliError('db reset works on the local database only.')
    const workDir = workDirOf(invocation)
    const live = await liveStack(workDir)
    if (!live) throw new CliError('supabase start is not running.', { suggestion: 'Run plinth start to start it.' })
    if (formOf(workDir) !== 'project')
      throw new CliError('db reset deletes everything and is for local projects only; this folder holds a self-hosted stack.')
    const version = targetVersion(workDir, flags)
    io.err(version === undefined ? 'Resetting local database...\n' : `Resetting local database to version: ${version}\n`)
    try {
      await ask(live.run.socket, '/reset', { seed: !flagOn(flags, 'no-seed'), ...(version === undefined ? {} : { version }) }, (line) =>
        io.err(`${line}\n`),
      )
    } catch (error) {
      throw new CliError((error as Error).message, { cause: error })
    }
    io.err(`Finished supabase db reset on branch ${branchOf(workDir)}.\n`)
    return 0
  },
}

function targetVersion(workDir: string, flags: FlagValues): string | undefined {
  const version = flagText(flags, 'version')
  const last = flagText(flags, 'last')
  const versions = listMigrations(workDir).map((file) => file.version)
  if (version !== undefined) {
    if (!/^\d+$/.test(version)) throw new CliError('invalid version number')
    if (!versions.includes(version)) throw new CliError(`glob supabase/migrations/${version}_*.sql: file does not exist`)
    return version
  }
  if (last === undefined) return undefined
  if (!/^\d+$/.test(last)) throw new CliError(`invalid argument "${last}" for "--last" flag: not a whole number`)
  return Number(last) === 0 ? undefined : (versions.at(-Number(last) - 1) ?? '-')
}

/** The branch that is checked out, `main` outside git. */
function branchOf(folder: string): string {
  for (let dir = folder; ; dir = dirname(dir)) {
    const head = join(dir, '.git', 'HEAD')
    if (existsSync(head)) return /^ref: refs\/heads\/(.+)$/m.exec(readFileSync(head, 'utf8'))?.[1] ?? 'main'
    if (dirname(dir) === dir) return 'main'
  }
}
