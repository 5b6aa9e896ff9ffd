// How commands reach the local project: its folder, its configuration with the warnings told, its database.
import type { Client } from 'pg'
import { ConfigError } from '../project/config/error.ts'
import { type LoadedProject, loadProject } from '../project/config/load.ts'
import { connect, databaseUrl } from '../project/connect.ts'
import { MigrationOrderError } from '../project/migrations.ts'
import { findWorkDir } from '../project/workdir.ts'
import { formOf } from '../stack/state-dir.ts'
import { CliError, type Flag, flagOn, flagText, type Invocation } from './command.ts'
import { liveStack, workDirOf } from './stack-link.ts'

export function openProject(invocation: Invocation): LoadedProject {
  const workDir = workDirOf(invocation)
  try {
    const project = loadProject({ workDir, processEnv: invocation.env })
    for (const warning of project.warnings) invocation.io.err(`${warning}\n`)
    return project
  } catch (error) {
    if (error instanceof ConfigError) throw new CliError(error.message, { cause: error })
    throw error
  }
}

/** Which database a command works on. Exactly one of them may be given. */
export const targetFlags: readonly Flag[] = [
  { name: 'local', kind: 'boolean', help: 'the database of the local stack' },
  { name: 'linked', kind: 'boolean', help: '', hidden: true },
  { name: 'db-url', kind: 'string', value: 'URL', help: 'the database of this connection string (percent-encoded)' },
  { name: 'password', short: 'p', kind: 'string', help: '', hidden: true },
]
export const exclusiveTargets: readonly string[] = ['local', 'linked', 'db-url']

export interface Target {
  readonly project: LoadedProject
  readonly client: Client
}

/** Connects to what the flags name. `localByDefault` says whether none of them means the local database, as upstream has it. */
export async function withTarget<Result>(
  invocation: Invocation,
  { localByDefault }: { localByDefault: boolean },
  work: (target: Target) => Promise<Result>,
): Promise<Result> {
  const { flags, io } = invocation
  const url = flagText(flags, 'db-url')
  if (url === undefined && (flagOn(flags, 'linked') || (!flagOn(flags, 'local') && !localByDefault))) {
    throw new CliError('This command works on a linked project by default, which Plinth does not manage.', {
      suggestion: 'Add --local for the database of the local stack, or --db-url URL for any other.',
    })
  }
  const project = openProject(invocation)
  io.err(url === undefined ? 'Connecting to local database...\n' : 'Connecting to remote database...\n')
  const client = await connectOrSay(url ?? (await localUrl(invocation, project)), url === undefined)
  try {
    return await work({ project, client })
  } catch (error) {
    if (error instanceof MigrationOrderError) throw new CliError(error.message, { suggestion: error.suggestion, cause: error })
    throw error
  } finally {
    await client.end()
  }
}

/** A self-hosted stack has its own port and password: it is asked for them. */
async function localUrl(invocation: Invocation, { config }: LoadedProject): Promise<string> {
  const workDir = findWorkDir(invocation.cwd, flagText(invocation.flags, 'workdir'))
  if (formOf(workDir) === 'project') return databaseUrl(config)
  const live = await liveStack(workDir)
  const url = live?.status.description.values.find(({ name }) => name === 'DB_URL')?.value
  if (url === undefined)
    throw new CliError(`No stack is running in ${workDir}.`, {
      suggestion: 'Start it with plinth start, or name a database by --db-url URL.',
    })
  return String(url)
}

async function connectOrSay(url: string, local: boolean): Promise<Client> {
  try {
    return await connect(url)
  } catch (error) {
    throw new CliError((error as Error).message, {
      cause: error,
      ...(local ? { suggestion: 'Is the local stack running? Start it with: supabase start' } : {}),
    })
  }
}

/** Lines of progress go to stderr. */
export const reporter =
  ({ io }: Pick<Invocation, 'io'>) =>
  (line: string): void =>
    io.err(`${line}\n`)
