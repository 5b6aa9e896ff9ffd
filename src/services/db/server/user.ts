// Which user the server runs as. Postgres refuses to run as root: there it runs as the unprivileged user `nobody`.
import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { codeOf, DatabaseProblem } from './problem.ts'

export interface ServerUser {
  readonly uid: number
  readonly gid: number
}

/** The user to change to; undefined when we are not root and the server runs as ourselves. */
export function serverUser(passwd = '/etc/passwd'): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined
  let lines: string[] = []
  try {
    lines = readFileSync(passwd, 'utf8').split('\n')
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
  const nobody = lines.map((line) => line.split(':')).find(([name, , uid]) => name === 'nobody' && Number(uid) > 0)
  if (!nobody) {
    throw new DatabaseProblem(
      'Postgres does not run as root, and this machine has no user `nobody` to run it as. Add one (`adduser --system nobody`), or start Plinth as an ordinary user.',
    )
  }
  return { uid: Number(nobody[2]), gid: Number(nobody[3]) }
}

/** True when `user` can pass through every folder above `path` (and through `path` itself, if it exists). Folders still to be made are ours to open. */
export function canReach(path: string, user: ServerUser | undefined): boolean {
  if (!user) return true
  for (let at = resolve(path); ; at = dirname(at)) {
    try {
      const { mode, uid, gid } = statSync(at)
      const execute = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001
      if (!(mode & execute)) return false
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') return false
    }
    if (at === dirname(at)) return true
  }
}
