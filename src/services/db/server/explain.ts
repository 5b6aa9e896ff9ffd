// Turns what Postgres says when it cannot start into what happened and what to do.
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DatabaseProblem } from './problem.ts'

export interface Failure {
  readonly doing: string
  readonly dataDir: string
  readonly port?: number
  readonly output: string
  readonly cause?: unknown
}

export async function explain({ doing, dataDir, port, output, cause }: Failure): Promise<DatabaseProblem> {
  const said = lastWords(output)
  const because = (why: string) => new DatabaseProblem(`Cannot ${doing}: ${why}${said ? `\n${said}` : ''}`, { cause })
  if (/No space left on device|disk quota exceeded/i.test(output) || isFull(cause)) {
    const folder = /could not (?:create|write|extend|resize)[^"]*"([^"]*pgsql[^"]*|\/dev\/shm[^"]*)"/.exec(output)?.[1]
    const full = folder?.startsWith('/dev/shm') ? '/dev/shm' : dataDir
    return because(
      `no space is left on the disk of ${full}${await freeText(full)}. Free some space there, then start again; nothing that was committed is lost.`,
    )
  }
  if (/could not bind .*Address already in use|could not create any TCP\/IP sockets/i.test(output)) {
    return because(
      `port ${port} is taken by another process. Stop it, or choose another port (POSTGRES_PORT, or [db] port in supabase/config.toml).`,
    )
  }
  if (/could not bind .*Permission denied/i.test(output))
    return because(`this user may not listen on port ${port}. Choose one above 1023 (POSTGRES_PORT).`)
  if (/database files are incompatible with server|was initialized by PostgreSQL version/i.test(output)) {
    return because(`the files in ${dataDir} are those of another Postgres version.`)
  }
  if (/cannot be run as root/i.test(output)) return because('Postgres does not run as root, and the change of user did not work.')
  if (/Permission denied|EACCES/i.test(output)) return because(`the server's user has no access to ${dataDir}.`)
  if (/unrecognized configuration parameter|invalid value for parameter|outside the valid range/i.test(output)) {
    return because(
      'a server setting is wrong. Mend it in [db.settings] of supabase/config.toml, or (ALTER SYSTEM) in postgresql.auto.conf.',
    )
  }
  if (/could not create shared memory segment|could not map anonymous shared memory|out of memory/i.test(output)) {
    return because('there is too little memory for the server. Lower shared_buffers in [db.settings].')
  }
  if ((cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
    return because(
      'the Postgres of npm does not run on this system (is it one with musl instead of glibc?). Set POSTGRES_HOST to a server that runs already.',
    )
  }
  return because('the server ended.')
}

/** What Postgres thinks worth saying, without the prefix of its lines. */
function lastWords(output: string): string {
  return output
    .split('\n')
    .filter((line) => /\b(FATAL|PANIC|ERROR|HINT|DETAIL|error|fatal|detail|hint):/.test(line))
    .slice(-6)
    .map((line) => `  ${line.replace(/^.*?\] /, '')}`)
    .join('\n')
}

const isFull = (cause: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes((cause as NodeJS.ErrnoException | undefined)?.code ?? '')

async function freeText(folder: string): Promise<string> {
  for (let at = folder; ; at = dirname(at)) {
    try {
      const { bavail, bsize } = await statfs(at)
      return ` (${Math.floor((bavail * bsize) / 1_048_576)} MB free)`
    } catch {
      // The folder may not exist yet; its parent is on the same disk.
      if (at === dirname(at)) return ''
    }
  }
}
