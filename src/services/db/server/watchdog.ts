// Sees to it that the server does not outlive us: a shell that waits for the end of our pipe to it, which comes when we die, however we die.
import { type ChildProcess, spawn } from 'node:child_process'
import { SERVER_ENVIRONMENT } from './run.ts'
import type { ServerUser } from './user.ts'

export interface Watchdog {
  readonly process: ChildProcess
  /** The server has ended, or is being stopped in order. */
  dismiss(): void
}

/** Fast shutdown of `pid` when this process dies. Without it (a system without a shell) the next start takes the orphan down. */
export function watchOver(pid: number, user: ServerUser | undefined): Watchdog {
  const shell = spawn('/bin/sh', ['-c', 'read -r word || kill -INT "$0" 2>/dev/null', String(pid)], {
    cwd: '/',
    env: SERVER_ENVIRONMENT,
    stdio: ['pipe', 'ignore', 'ignore'],
    // Of its own group, so that a Ctrl-C that ends us does not end it first.
    detached: true,
    ...(user ? { uid: user.uid, gid: user.gid } : {}),
  })
  // No shell, or one that has ended already: nothing is lost but the quick end of an orphan.
  shell.on('error', () => {})
  shell.stdin.on('error', () => {})
  shell.unref()
  return { process: shell, dismiss: () => shell.stdin.end('bye\n') }
}
