// `plinth start`: the stack in the background; returns when everything is healthy, or with the reason why it is not.
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { currentRun } from '../stack/run-file.ts'
import type { NodeReport } from '../stack/service-node.ts'
import type { StackStatus } from '../stack/stack.ts'
import { formOf, logFileOf, stateDirOf } from '../stack/state-dir.ts'
import { CliError, type Command, flagList, type Invocation } from './command.ts'
import { Progress } from './progress.ts'
import { type LiveStack, liveStack, workDirOf } from './stack-link.ts'
import { statusTables } from './status-output.ts'

/** What the detached child tells while it starts. */
export type FromStart =
  | { readonly line: string }
  | { readonly node: NodeReport }
  | { readonly ready: StackStatus }
  | { readonly failed: string; readonly suggestion?: string; readonly already?: boolean }

const EXCLUDABLE = [
  'gotrue',
  'realtime',
  'storage-api',
  'imgproxy',
  'kong',
  'mailpit',
  'postgrest',
  'postgres-meta',
  'studio',
  'edge-runtime',
  'logflare',
  'vector',
  'supavisor',
]
const program = fileURLToPath(new URL('../cli.js', import.meta.url))
/** How long a second start waits for the first to be ready. */
const OTHER_START_MS = 60_000
const POLL_MS = 50
/** States of a stack that is not up yet, or that is going down and makes room for this start. */
const PASSING: ReadonlySet<string> = new Set(['waiting', 'starting', 'stopping', 'stopped'])

export const start: Command = {
  name: 'start',
  endsItself: true,
  summary: 'Start the stack in the background; returns when everything is healthy',
  flags: [
    { name: 'exclude', short: 'x', kind: 'list', value: 'NAMES', help: `services to leave out: ${EXCLUDABLE.join(', ')}` },
    { name: 'ignore-health-check', kind: 'boolean', help: '', hidden: true },
  ],
  async run(invocation) {
    const { flags, io } = invocation
    const workDir = workDirOf(invocation)
    const exclude = flagList(flags, 'exclude')
    const unknown = exclude.filter((name) => !EXCLUDABLE.includes(name))
    if (unknown.length > 0)
      io.err(
        `WARNING: The following container names are not valid to exclude: ${unknown.join(', ')}\nValid containers to exclude are: ${EXCLUDABLE.join(', ')}\n`,
      )
    const outcome = (await running(workDir)) ?? (await startDetached(invocation, workDir, exclude))
    if ('already' in outcome) io.err('supabase start is already running.\n')
    else io.err('Started supabase local development setup.\n\n')
    io.out(`${statusTables(outcome.status, io.columns)}\n`)
    if (!('already' in outcome) && formOf(workDir) === 'project') {
      io.err(
        'The keys are the well-known ones of every local project, and services behind the API are open: everything listens on this machine only.\n',
      )
    }
    return 0
  },
}

async function running(workDir: string): Promise<(LiveStack & { already: true }) | undefined> {
  for (const end = Date.now() + OTHER_START_MS; currentRun(stateDirOf(workDir)) && Date.now() < end; ) {
    const live = await liveStack(workDir)
    if (live?.status.nodes.every(({ state }) => !PASSING.has(state))) return { ...live, already: true }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  return undefined
}

function startDetached(
  { flags, io, env, signal }: Invocation,
  workDir: string,
  exclude: readonly string[],
): Promise<{ status: StackStatus } | (LiveStack & { already: true })> {
  const logFile = `${logFileOf(workDir)}.err`
  mkdirSync(dirname(logFile), { recursive: true })
  // What is not a record of a service (a crash of the runtime itself) goes to a file of its own, begun anew at each start.
  const errors = openSync(logFile, 'w', 0o600)
  const args = [
    'up',
    '--detached',
    '--workdir',
    workDir,
    ...exclude.flatMap((name) => ['--exclude', name]),
    ...(flags['debug'] === true ? ['--debug'] : []),
  ]
  const child = spawn(process.execPath, [program, ...args], {
    cwd: workDir,
    detached: true,
    stdio: ['ignore', errors, errors, 'ipc'],
    env: { ...env },
  })
  closeSync(errors)
  const progress = new Progress(io)
  return new Promise((resolve, reject) => {
    const giveUp = () => child.kill('SIGTERM')
    signal.addEventListener('abort', giveUp, { once: true })
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', giveUp)
      progress.end()
      if (child.connected) child.disconnect()
      child.unref()
      act()
    }
    let failure: Extract<FromStart, { failed: string }> | undefined
    child.on('message', (message: FromStart) => {
      if ('line' in message) progress.line(message.line)
      else if ('node' in message) progress.node(message.node)
      else if ('ready' in message) settle(() => resolve({ status: message.ready }))
      else failure = message
    })
    child.once('error', (error) => settle(() => reject(error)))
    // The messages of a child are read before its end is told: what it said last is known here.
    child.once('close', (code, by) =>
      settle(() => {
        if (failure?.already) running(workDir).then((live) => (live ? resolve(live) : reject(new CliError(failure!.failed))), reject)
        else if (failure) reject(new CliError(failure.failed, failure.suggestion === undefined ? {} : { suggestion: failure.suggestion }))
        else if (signal.aborted) reject(new CliError('Interrupted: everything that was started is stopped again.'))
        else
          reject(
            new CliError(`The stack ended while it started (${by ?? `exit code ${code}`}).`, {
              suggestion: `Its last words may be in ${logFile}.`,
            }),
          )
      }),
    )
  })
}
