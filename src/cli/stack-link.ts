// How commands find the stack of a folder: running, starting, or not there.

import { findWorkDir } from '../project/workdir.ts'
import { ask } from '../stack/control.ts'
import { isRunning } from '../stack/processes.ts'
import { currentRun, type Run } from '../stack/run-file.ts'
import type { StackStatus } from '../stack/stack.ts'
import { stateDirOf } from '../stack/state-dir.ts'
import { flagText, type Invocation } from './command.ts'

/** The folder that a command works on; said on stderr when it is another one than the present folder. */
export const workDirOf = ({ cwd, flags, io }: Pick<Invocation, 'cwd' | 'flags' | 'io'>): string => {
  const workDir = findWorkDir(cwd, flagText(flags, 'workdir'))
  if (workDir !== cwd) io.err(`Using workdir ${workDir}\n`)
  return workDir
}

export interface LiveStack {
  readonly run: Run
  readonly status: StackStatus
}

/** The stack of this folder if it runs and answers. */
export async function liveStack(workDir: string): Promise<LiveStack | undefined> {
  const run = currentRun(stateDirOf(workDir))
  if (!run) return undefined
  try {
    return { run, status: await ask(run.socket, '/status') }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return undefined // it has not opened its socket yet, or is ending
    throw error
  }
}

const POLL_MS = 10
const ASKED_MS = 20_000
const TOLD_MS = 5_000

/** Asks the process to stop, then tells it, then ends it. Resolves when it is gone. */
export async function endRun(run: Run): Promise<void> {
  await ask(run.socket, '/stop').catch(() => tell(run, 'SIGTERM'))
  if (await gone(run, ASKED_MS)) return
  tell(run, 'SIGTERM')
  if (await gone(run, TOLD_MS)) return
  tell(run, 'SIGKILL')
  await gone(run, TOLD_MS)
}

/** A process that has ended meanwhile needs no telling, and its number may be a stranger's. */
function tell(run: Run, signal: NodeJS.Signals): void {
  if (!isRunning(run)) return
  try {
    process.kill(run.pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function gone(run: Run, withinMs: number): Promise<boolean> {
  for (const end = performance.now() + withinMs; performance.now() < end; ) {
    if (!isRunning(run)) return true
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  return !isRunning(run)
}
