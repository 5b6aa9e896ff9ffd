// Runs the server's programs: as its user, without our environment, and with what they say at hand when they fail.
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { ServerTree } from './overlay.ts'
import type { ServerUser } from './user.ts'

/** Nothing of ours is handed on: the environment of a process can be read by others of its user, and ours holds secrets. */
export const SERVER_ENVIRONMENT: Readonly<Record<string, string>> = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }

export function spawnServerProgram(
  tree: ServerTree,
  program: 'initdb' | 'postgres',
  args: readonly string[],
  options: { user: ServerUser | undefined; cwd: string; stdin: 'pipe' | 'ignore'; stdout?: 'pipe' | 'ignore'; ownGroup?: boolean },
): ChildProcess {
  return spawn(join(tree.bin, program), args, {
    cwd: options.cwd,
    env: SERVER_ENVIRONMENT,
    stdio: [options.stdin, options.stdout ?? 'ignore', 'pipe'],
    // Of its own group: Ctrl-C in a terminal must reach us, not the server behind our back.
    detached: options.ownGroup ?? false,
    ...(options.user ? { uid: options.user.uid, gid: options.user.gid } : {}),
  })
}

export interface Outcome {
  readonly code: number | null
  readonly output: string
}

/** The last 64 kB of stdout and stderr and the exit code; rejects when the program cannot be run at all. */
export function outcomeOf(child: ChildProcess, signal?: AbortSignal): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    let output = ''
    const gather = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-65_536)
    }
    const abort = () => child.kill('SIGTERM')
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
    child.stdout?.on('data', gather)
    child.stderr?.on('data', gather)
    child.once('error', (error) => {
      signal?.removeEventListener('abort', abort)
      reject(error)
    })
    child.once('close', (code) => {
      signal?.removeEventListener('abort', abort)
      resolve({ code, output })
    })
  })
}
