// One stack in this process, from its description to its end: what `up` does in the foreground and `start` in a detached child.
import { EnvError } from '../env/read.ts'
import { createLog } from '../log/log.ts'
import { openRotatingFile } from '../log/rotating-file.ts'
import type { Environment } from '../service/definition.ts'
import { UndoList } from '../service/undo-list.ts'
import { type ControlServer, openControl } from '../stack/control.ts'
import { describeStack } from '../stack/describe.ts'
import { holderOf, register, socketOf } from '../stack/registry.ts'
import { claimRun, type Run } from '../stack/run-file.ts'
import type { NodeReport } from '../stack/service-node.ts'
import { PortsTakenError, ServiceStartError, Stack, type StackStatus } from '../stack/stack.ts'
import { logFileOf } from '../stack/state-dir.ts'
import { CliError } from './command.ts'
import { onCrash } from './crashes.ts'

export interface RunStackOptions {
  readonly workDir: string
  readonly env: Environment
  readonly exclude: readonly string[]
  readonly signal: AbortSignal
  readonly onLine: (line: string) => void
  readonly onNode: (report: NodeReport) => void
  /** Everything is healthy. */
  readonly onReady: (status: StackStatus) => void
  /** One line of JSON per record, for whoever shows logs as they come. */
  readonly onLog?: (line: string) => void
}

export class AlreadyRunning extends Error {
  readonly run: Run
  constructor(run: Run) {
    super(`A stack is running in ${run.workDir} already (pid ${run.pid}).`)
    this.run = run
  }
}

/** Lines of a failing service that are shown with its error. */
const LAST_LINES = 10

/** Resolves when the stack has been stopped, by the signal or by a command. Throws CliError when it could not start. */
export async function runStack(options: RunStackOptions): Promise<void> {
  const { workDir, env, exclude, signal, onLine } = options
  const description = await describeStack({ workDir, env, exclude, report: onLine }).catch((error: unknown) => {
    throw error instanceof EnvError ? new CliError(error.message, { cause: error }) : error
  })
  for (const notice of description.notices) onLine(notice)
  const socket = socketOf(workDir)
  const claim = claimRun(description.stateDir, {
    name: description.name,
    form: description.form,
    workDir,
    socket,
    ports: description.ports.map(({ port }) => port),
  })
  if ('other' in claim) throw new AlreadyRunning(claim.other)
  await using release = new UndoList()
  release.defer(claim.release)
  release.defer(register(claim.run))

  const file = openRotatingFile(logFileOf(workDir))
  release.defer(() => file.close())
  const recent: string[] = []
  const log = createLog({
    format: 'json',
    level: env['PLINTH_LOG_LEVEL'] || 'info',
    write: (line) => {
      file.write(line)
      options.onLog?.(line)
      if (recent.push(line) > 500) recent.shift()
    },
  })
  const stack = new Stack(description, { log, onLine, onNode: options.onNode })
  const ended = new AbortController()
  const until = AbortSignal.any([signal, ended.signal])
  // While it starts, a bug fails the start, which undoes itself; later the health checks restart what it has broken.
  const broken = new AbortController()
  let ready = false
  using _crashes = onCrash((error) => {
    log.error({ err: error }, 'a bug in Plinth or in a library: nobody caught this')
    if (!ready) broken.abort(error)
  })
  let control: ControlServer | undefined
  try {
    control = await openControl(stack, socket, { onStop: () => ended.abort() })
    await stack.start(AbortSignal.any([until, broken.signal]))
    ready = true
    options.onReady(stack.status)
    await new Promise<void>((resolve) => {
      if (until.aborted) resolve()
      else until.addEventListener('abort', () => resolve(), { once: true })
    })
  } catch (error) {
    if (!until.aborted) throw spoken(error, recent, workDir)
  } finally {
    try {
      await stack.stop()
    } finally {
      await control?.close()
    }
  }
}

/** The error as a person should read it. */
function spoken(error: unknown, recent: readonly string[], workDir: string): unknown {
  if (error instanceof PortsTakenError) return portsTaken(error, workDir)
  if (!(error instanceof ServiceStartError)) return error
  const cause = error.cause as Error & { suggestion?: string }
  // What went wrong in the user's own files is told by them; of a service that failed, its last lines help.
  const suggestion = cause?.suggestion === undefined ? {} : { suggestion: cause.suggestion }
  if (cause instanceof Error && cause.name !== 'Error' && 'statement' in cause) return new CliError(cause.message, { ...suggestion, cause })
  const lines = recent
    .map((line) => JSON.parse(line) as { service?: string; level: string; msg?: string; err?: { message?: string } })
    .filter((record) => record.service === error.service)
    .slice(-LAST_LINES)
    .map(({ level, msg, err }) => `  ${level}: ${msg ?? ''}${err?.message ? ` (${err.message})` : ''}`)
  return new CliError([error.message, ...(lines.length > 0 ? [`Its last lines:`, ...lines] : [])].join('\n'), {
    ...suggestion,
    cause: error,
  })
}

function portsTaken(error: PortsTakenError, workDir: string): CliError {
  const other = holderOf(
    error.taken.map(({ published }) => published.port),
    workDir,
  )
  const mend = error.taken.map(({ published }) => published.setting).join(' or ')
  return new CliError(error.message, {
    suggestion: other
      ? `It belongs to ${other.name} in ${other.workDir}. Try stopping the running project with supabase stop --project-id ${other.name}\nOr configure a different port: ${mend}`
      : `Try configuring a different port: ${mend}`,
    cause: error,
  })
}
