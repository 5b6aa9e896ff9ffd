// Small certain steps on files: whole or not at all, and never through a link that somebody else has laid.
import { randomUUID } from 'node:crypto'
import { chown, lstat, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { codeOf, DatabaseProblem } from './problem.ts'
import type { ServerUser } from './user.ts'

export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return false
    throw error
  }
}

/** The text of a file, undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}

/** Puts a file in place by a rename, so that a reader sees the old text or the new one. One that says the same already is left alone. */
export async function writeWhole(path: string, text: string, mode: number, user?: ServerUser): Promise<void> {
  if ((await readIfThere(path)) === text) return
  const draft = `${path}.${process.pid}.${randomUUID().slice(0, 8)}`
  try {
    await writeFile(draft, text, { mode, flag: 'wx' })
    if (user) await chown(draft, user.uid, user.gid)
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

/** A folder that only `user` (or we ourselves) can enter; refuses one that belongs to somebody else. */
export async function privateFolder(path: string, user?: ServerUser): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  const found = await lstat(path)
  const uid = user?.uid ?? process.getuid?.() ?? found.uid
  if (!found.isDirectory()) throw new DatabaseProblem(`${path} must be a folder, and is something else. Move it away.`)
  if (found.uid !== uid && user && found.uid === process.getuid?.()) await chown(path, user.uid, user.gid)
  else if (found.uid !== uid)
    throw new DatabaseProblem(`${path} belongs to another user (uid ${found.uid}). Remove it, or run as that user.`)
}
