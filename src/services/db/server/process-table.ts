// What can be known of processes that are not our children: whether one lives, since when, and whether it is the server of a given cluster.
import { execFile } from 'node:child_process'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { codeOf } from './problem.ts'

const run = promisify(execFile)
const onLinux = process.platform === 'linux'

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

/** A mark that differs between two processes that had the same number; undefined when there is no such process. */
export async function birthOf(pid: number): Promise<string | undefined> {
  if (!onLinux) return ps(pid, 'lstart')
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The name stands in parentheses and may itself hold blanks and parentheses; field 22 is the start in clock ticks since boot.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // A zombie has ended; only its parent has not looked yet.
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : `${await bootId()}/${fields[19]}`
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(codeOf(error) ?? '')) return undefined
    throw error
  }
}

async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim()
}

/** A server process works in its data folder; that tells it from a stranger who was given the same number. */
export async function worksIn(pid: number, dataDir: string): Promise<boolean> {
  if (onLinux) return (await workingDir(pid)) === dataDir
  return (await ps(pid, 'command'))?.includes(dataDir) ?? false
}

/** Every process that works in the data folder: after the death of a postmaster its backends may live on for a moment. */
export async function processesIn(dataDir: string): Promise<number[]> {
  if (!onLinux) return []
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const dirs = await Promise.all(pids.map((pid) => workingDir(pid)))
  return pids.filter((pid, index) => pid !== process.pid && dirs[index] === dataDir)
}

async function workingDir(pid: number): Promise<string | undefined> {
  // Gone, or somebody else's: in neither case ours.
  return readlink(`/proc/${pid}/cwd`).catch(() => undefined)
}

async function ps(pid: number, column: 'lstart' | 'command'): Promise<string | undefined> {
  try {
    const { stdout } = await run('ps', ['-ww', '-o', `${column}=`, '-p', String(pid)])
    return stdout.trim() || undefined
  } catch {
    // ps answers with an exit code where there is no such process.
    return undefined
  }
}

/** Waits until the process has ended; false when it still lives after the time. There is no event for a process that is not our child. */
export async function ended(pid: number, timeoutMs: number): Promise<boolean> {
  const end = performance.now() + timeoutMs
  for (let pause = 5; (await birthOf(pid)) !== undefined; pause = Math.min(pause * 2, 50)) {
    if (performance.now() > end) return false
    await delay(pause)
  }
  return true
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error
  }
}

/** Kills whatever works in a folder and waits for its end. Only for folders whose lock we hold. */
export async function killAllIn(folder: string): Promise<void> {
  for (let round = 0; round < 5; round++) {
    const pids = await processesIn(folder)
    if (pids.length === 0) return
    for (const pid of pids) signal(pid, 'SIGKILL')
    await Promise.all(pids.map((pid) => ended(pid, 5_000)))
  }
}
