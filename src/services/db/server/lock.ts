// One Plinth per cluster: a file that names the process that runs it. A file of a process that has died counts for nothing.
import { randomUUID } from 'node:crypto'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, DatabaseProblem } from './problem.ts'
import { birthOf } from './process-table.ts'

export interface Lock {
  release(): Promise<void>
}

export async function takeLock(runDir: string, dataDir: string): Promise<Lock> {
  const path = join(runDir, 'owner')
  const own = JSON.stringify({ pid: process.pid, birth: await birthOf(process.pid), lock: randomUUID() })
  const draft = `${path}.${randomUUID()}`
  await writeFile(draft, own, { mode: 0o600, flag: 'wx' })
  try {
    for (let attempt = 0; attempt < 10; attempt++) {
      if (await linked(draft, path)) return { release: () => removeIf(path, own) }
      const other = await readFile(path, 'utf8').catch((error) => {
        if (codeOf(error) === 'ENOENT') return undefined
        throw error
      })
      if (other === undefined) continue
      const { pid, birth } = ownerIn(other)
      if (pid !== undefined && birth !== undefined && (await birthOf(pid)) === birth) {
        throw new DatabaseProblem(`The database in ${dataDir} is in use by another Plinth (process ${pid}). Stop that one first.`)
      }
      await removeIf(path, other)
    }
    throw new DatabaseProblem(`The lock ${path} changes hands all the time. Are several starts of the same project under way?`)
  } finally {
    await rm(draft, { force: true })
  }
}

/** An unreadable lock (a full disk leaves empty files) is nobody's. */
function ownerIn(text: string): { pid?: number; birth?: string } {
  try {
    return JSON.parse(text) as { pid?: number; birth?: string }
  } catch {
    return {}
  }
}

async function linked(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** Removes the lock if it still says what we read: it is moved to a name of our own first, as another may have taken it meanwhile. */
async function removeIf(path: string, text: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`
  try {
    await rename(path, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  if ((await readFile(aside, 'utf8')) !== text) await linked(aside, path)
  await rm(aside, { force: true })
}
