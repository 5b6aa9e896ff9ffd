// Folders of the tree: made on the way to a file, removed when empty, and brought to the disk, beside others who do the same.
import { lstat, mkdir, open, rename, rmdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errors } from '../../errors.ts'
import { refuseLinks, upTo } from './paths.ts'

/** Others may remove the empty folder between its making and the rename; nobody loses so often in a row. */
const MAX_TRIES = 100

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

/** What was renamed, made or removed in a folder survives a power cut when this resolves. */
export async function syncFolder(folder: string): Promise<void> {
  let handle: Awaited<ReturnType<typeof open>>
  try {
    handle = await open(folder, 'r')
  } catch (error) {
    // Removed meanwhile: then its parent is what counts, and whoever removed it sees to that. Windows opens no folders.
    if (codeOf(error) === 'ENOENT' || process.platform === 'win32') return
    throw error
  }
  try {
    await handle.sync()
  } catch (error) {
    // File systems that cannot do it for folders say so in these ways.
    if (!['EINVAL', 'ENOTSUP', 'EPERM', 'EISDIR'].includes(codeOf(error) ?? '')) throw error
  } finally {
    await handle.close()
  }
}

/** Moves files to their places in one folder, in order, and makes it durable. `top`: an ancestor that is there for good. */
export async function place(moves: readonly { from: string; to: string }[], top: string, name: string): Promise<void> {
  const folder = dirname(moves[0]!.to)
  let moved = 0
  for (let tries = 1; moved < moves.length; tries++) {
    try {
      await makeFolder(top, folder)
      for (; moved < moves.length; moved++) await rename(moves[moved]!.from, moves[moved]!.to)
    } catch (error) {
      const code = codeOf(error)
      // A file stands where a folder is needed: some object is called like a version of another one.
      if (code === 'ENOTDIR' || code === 'EEXIST' || code === 'EISDIR') throw errors.invalidKey(name, ' collides with another object')
      // Not the folder is gone but the file, taken away by somebody who thought its writer dead.
      const lost = code === 'ENOENT' && !(await lstat(moves[moved]!.from).catch(() => undefined))
      if (code !== 'ENOENT' || lost || tries === MAX_TRIES) {
        await prune(folder, top)
        throw error
      }
    }
  }
  await Promise.all(upTo(top, folder).map(syncFolder))
}

/** Level by level, so that nothing is made behind a link that somebody planted. */
async function makeFolder(top: string, folder: string): Promise<void> {
  try {
    return await refuseLinks(folder)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
  for (const level of upTo(top, folder).toReversed()) {
    try {
      await mkdir(level)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
      await refuseLinks(level)
    }
  }
}

/** Removes the folder and those above it as long as they are empty, below `top`. Returns the first one that stays. */
export async function prune(folder: string, top: string): Promise<string> {
  for (const at of upTo(top, folder)) {
    if (at === top) break
    try {
      await rmdir(at)
    } catch (error) {
      // Not empty, or a writer has just come back to it.
      if (codeOf(error) !== 'ENOENT') return at
    }
  }
  return top
}
