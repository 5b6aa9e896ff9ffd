// Writes a file that holds secrets: mode 0600, whole or not at all, one writer at a time.
import { randomBytes } from 'node:crypto'
import { chownSync, closeSync, fsyncSync, openSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Replaces the file's content. A link keeps pointing to the same file, and the file keeps its owner. */
export function writePrivateFile(path: string, text: string): void {
  const target = realPath(path)
  const draft = `${target}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`
  const before = statSync(target, { throwIfNoEntry: false }) ?? statSync(dirname(target))
  try {
    const file = openSync(draft, 'wx', 0o600)
    try {
      writeFileSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    // As root in somebody's folder: the file is theirs.
    if (process.getuid?.() === 0 && before.uid !== 0) chownSync(draft, before.uid, before.gid)
    renameSync(draft, target)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
  syncFolder(dirname(target))
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path // not there yet
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } catch {
    // Some file systems cannot sync a folder; the file itself is safe, only its name may be lost by a power cut.
  } finally {
    closeSync(folder)
  }
}

/** Far longer than the work under the lock takes. */
const STALE_MS = 10_000
const RETRY_MS = 25

/** Runs `work` while no other process does for the same path. A lock whose owner is gone is taken over. */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = `${realPath(path)}.lock`
  for (const since = Date.now(); !claim(lock); ) {
    if (Date.now() - since > 2 * STALE_MS)
      throw new Error(`Cannot write ${path}: another process holds ${lock}. Remove it if there is none.`)
    if (isStale(lock)) rmSync(lock, { force: true })
    else await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
  try {
    return await work()
  } finally {
    rmSync(lock, { force: true })
  }
}

function claim(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function isStale(lock: string): boolean {
  const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0)
  if (age > STALE_MS) return true
  try {
    const pid = Number(readFileSync(lock, 'utf8'))
    if (!Number.isInteger(pid) || pid <= 0) return false // being written
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}
