// Tells when a file has changed: replaced, rewritten, or behind a link that was moved, on any file system. It looks twice a second and
// waits until the file stays as it is, so that half a text is not read.
import { stat } from 'node:fs/promises'

const EVERY_MS = 500

/** Returns what ends the watch. */
export function watchFile(path: string, onChange: () => void, everyMs = EVERY_MS): () => void {
  let known: string | undefined
  let seen: string | undefined
  let looking = false
  const look = async () => {
    if (looking) return
    looking = true
    const now = await stampOf(path)
    looking = false
    known ??= now
    const settled = now === seen
    seen = now
    // A file that is away for a moment is about to be replaced.
    if (now === known || now === '' || !settled) return
    known = now
    onChange()
  }
  void look()
  const timer = setInterval(() => void look(), everyMs)
  timer.unref()
  return () => clearInterval(timer)
}

async function stampOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeMs } = await stat(path)
    return `${dev} ${ino} ${size} ${mtimeMs}`
  } catch {
    // Not there now: it may come back.
    return ''
  }
}
