// The server process: takes down what a crashed predecessor left, starts, waits until it serves, and stops within a bound.
import type { ChildProcess } from 'node:child_process'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../../../log/log.ts'
import { explain } from './explain.ts'
import { readIfThere } from './files.ts'
import type { ServerTree } from './overlay.ts'
import type { ClusterPlace } from './place.ts'
import { DatabaseProblem } from './problem.ts'
import { ended, isAlive, killAllIn, processesIn, signal as send, worksIn } from './process-table.ts'
import { spawnServerProgram } from './run.ts'
import { readServerLog } from './server-log.ts'
import { watchOver } from './watchdog.ts'

/** Recovery after a crash may take a while; the stack's own health timeout is shorter than this. */
const START_TIMEOUT_MS = 120_000
const FAST_STOP_MS = 8_000
const IMMEDIATE_STOP_MS = 3_000

export interface PostmasterOptions {
  readonly place: ClusterPlace
  readonly tree: ServerTree
  readonly listen: string
  readonly port: number
  readonly log: Logger
  readonly signal: AbortSignal
}

export interface Postmaster {
  readonly pid: number
  /** Resolves when the process has ended, whoever ended it. */
  readonly exited: Promise<void>
  /** Why it ended, once it has. */
  reason(): string | undefined
  stop(): Promise<void>
}

export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const { place } = options
  await clearLeftovers(place, options.log)
  const deadline = performance.now() + START_TIMEOUT_MS
  for (let pause = 20; ; pause = Math.min(pause * 2, 250)) {
    const attempt = await tryStart(options, deadline)
    if ('exited' in attempt) return attempt
    // Backends of a postmaster that was killed hold its memory until they notice: that takes moments, and ends by itself.
    const lingering = /pre-existing shared memory block|lock file .* already exists/i.test(attempt.output)
    if (!lingering || performance.now() > deadline) {
      throw await explain({ doing: 'start the database', dataDir: place.dataDir, port: options.port, ...attempt })
    }
    if (pause >= 250) await killAllIn(place.dataDir)
    await delay(pause, undefined, { signal: options.signal })
  }
}

async function tryStart(options: PostmasterOptions, deadline: number): Promise<Postmaster | { output: string; cause?: unknown }> {
  const { place, tree, listen, port, log, signal } = options
  const lastLines: string[] = []
  const child = spawnServerProgram(tree, 'postgres', ['-D', place.dataDir, '-h', listen, '-p', String(port), '-k', place.runDir], {
    user: place.user,
    cwd: place.dataDir,
    stdin: 'ignore',
    ownGroup: true,
  })
  let failure: unknown
  let end: string | undefined
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      failure = error
      resolve()
    })
    child.once('exit', (code, name) => {
      end = name ? `the server process was ended by ${name}` : `the server process ended with code ${code}`
      // Backends that outlive their postmaster keep its stderr open: what it said is waited for, but not long.
      setTimeout(resolve, 200).unref()
    })
    child.once('close', () => resolve())
  })
  if (child.stderr) readServerLog(child.stderr, log, lastLines)
  const ready = await waitUntilReady(place.dataDir, child, exited, deadline, signal)
  if (!ready) {
    if (child.pid !== undefined && end === undefined) {
      await stopProcess(child, exited)
      signal.throwIfAborted()
      return { output: lastLines.join('\n'), cause: new DatabaseProblem(`it was not ready within ${START_TIMEOUT_MS / 1_000} s`) }
    }
    return { output: lastLines.join('\n'), cause: failure }
  }
  const watchdog = watchOver(child.pid as number, place.user)
  void exited.then(() => watchdog.dismiss())
  return {
    pid: child.pid as number,
    exited,
    reason: () => end && [end, ...lastLines.slice(-3)].join('\n'),
    stop: () => stopProcess(child, exited),
  }
}

/** The server writes its state into the eighth line of postmaster.pid; that is what pg_ctl waits for too. */
async function waitUntilReady(
  dataDir: string,
  child: ChildProcess,
  exited: Promise<void>,
  deadline: number,
  signal: AbortSignal,
): Promise<boolean> {
  let over = false
  void exited.then(() => {
    over = true
  })
  for (let pause = 5; !over && !signal.aborted && performance.now() < deadline; pause = Math.min(pause + 5, 50)) {
    const lines = (await readIfThere(join(dataDir, 'postmaster.pid')))?.split('\n')
    if (lines && Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready') return true
    await Promise.race([delay(pause), exited])
  }
  return false
}

/** Fast shutdown, then immediate (the next start recovers), then the last means. */
async function stopProcess(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return exited
  const within = (ms: number) => {
    const timer = new AbortController()
    return Promise.race([exited.then(() => true), delay(ms, false, { signal: timer.signal })]).finally(() => timer.abort())
  }
  for (const [name, ms] of [
    ['SIGINT', FAST_STOP_MS],
    ['SIGQUIT', IMMEDIATE_STOP_MS],
    ['SIGKILL', IMMEDIATE_STOP_MS],
  ] as const) {
    child.kill(name)
    if (await within(ms)) return
  }
}

/** What a predecessor left that died: a server without a master, or files that only look like one. We hold the cluster's lock. */
export async function clearLeftovers({ dataDir, runDir }: ClusterPlace, log: Logger): Promise<void> {
  const path = join(dataDir, 'postmaster.pid')
  const pid = Number((await readIfThere(path))?.split('\n')[0])
  if (pid > 0 && isAlive(pid)) {
    if (await worksIn(pid, dataDir)) {
      log.warn({ pid }, 'a database server was left running by a Plinth that died; it is stopped and started anew')
      await takeDown(pid)
    } else if ((await processesIn(dataDir)).length === 0) {
      // The number was given to a stranger meanwhile; Postgres would take it for a running server.
      await rm(path, { force: true })
    }
  }
  for (const name of await readdir(runDir)) {
    if (name.startsWith('.s.PGSQL.')) await rm(join(runDir, name), { force: true })
  }
}

async function takeDown(pid: number): Promise<void> {
  for (const name of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    send(pid, name)
    if (await ended(pid, name === 'SIGINT' ? FAST_STOP_MS : IMMEDIATE_STOP_MS)) return
  }
  throw new DatabaseProblem(
    `A database server that was left running (process ${pid}) cannot be stopped. Stop it by hand, then start again.`,
  )
}
