// The stacks of this user that run on this machine, for `stop --all`, `--project-id` and for naming who holds a port.
import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { type Run, readRun } from './run-file.ts'

/** A folder of this user alone, short enough for the path of a socket. */
export function runtimeDir(): string {
  const { uid } = userInfo()
  const dir = join(process.platform === 'win32' ? tmpdir() : '/tmp', `plinth-${uid}`)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const found = lstatSync(dir)
  if (!found.isDirectory() || (uid >= 0 && found.uid !== uid) || (process.platform !== 'win32' && (found.mode & 0o077) !== 0)) {
    throw new Error(`${dir} belongs to somebody else or is open to others. Remove it, and try again.`)
  }
  return dir
}

const keyOf = (workDir: string): string => createHash('sha256').update(workDir).digest('hex').slice(0, 16)

export const socketOf = (workDir: string): string => join(runtimeDir(), `${keyOf(workDir)}.sock`)

/** Adds a run; returns what takes it out again. */
export function register(run: Run): () => void {
  const file = join(runtimeDir(), `${keyOf(run.workDir)}.json`)
  writeFileSync(file, JSON.stringify(run), { mode: 0o600 })
  return () => rmSync(file, { force: true })
}

/** Every stack that runs now; notes and sockets of dead ones are cleared away. */
export function runningStacks(): Run[] {
  const dir = runtimeDir()
  return readdirSync(dir)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => {
      const run = readRun(join(dir, name))
      if (!run) for (const left of [name, name.replace(/json$/, 'sock')]) rmSync(join(dir, left), { force: true })
      return run ? [run] : []
    })
}

/** Which stack besides that of `workDir` holds one of these ports: a stack notes its ports before it knows whether it gets them. */
export function holderOf(ports: readonly number[], workDir: string, runs: readonly Run[] = runningStacks()): Run | undefined {
  return runs.find((run) => run.workDir !== workDir && run.ports.some((port) => ports.includes(port)))
}
