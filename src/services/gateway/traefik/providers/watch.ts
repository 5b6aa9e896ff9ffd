// Tells when a file, or anything in a folder, has changed and has come to rest.
import { type FSWatcher, watch } from 'node:fs'

// A file is written in pieces: it is read once nothing has happened for this long.
const REST_MS = 60
// Folders on networks and in containers tell nothing of changes: they are looked at from time to time as well.
const LOOK_MS = 2_000

/** `folders` are watched; `fingerprint` tells whether anything is different. Returns what ends it. */
export function watchFolders(folders: readonly string[], fingerprint: () => Promise<string>, changed: () => void): () => void {
  const watchers: FSWatcher[] = []
  let last: string | undefined
  let timer: NodeJS.Timeout | undefined
  let ended = false
  const look = async () => {
    // What cannot be read now is looked at again.
    const now = await fingerprint().catch(() => undefined)
    if (ended || now === undefined) return
    const before = last
    last = now
    if (before !== undefined && before !== now) changed()
  }
  const soon = () => {
    clearTimeout(timer)
    timer = setTimeout(() => void look(), REST_MS)
  }
  for (const folder of folders) {
    try {
      watchers.push(watch(folder, { persistent: false }, soon).on('error', () => undefined))
    } catch {
      // Without notices of the system the regular look finds the change.
    }
  }
  void look()
  const regular = setInterval(() => void look(), LOOK_MS)
  regular.unref()
  return () => {
    ended = true
    clearTimeout(timer)
    clearInterval(regular)
    for (const watcher of watchers) watcher.close()
  }
}
