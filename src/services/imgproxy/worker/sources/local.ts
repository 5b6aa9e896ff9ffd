// `local:///path`: a file below the configured root, never one outside it, whatever dots and links say.
import { constants } from 'node:fs'
import { open, realpath } from 'node:fs/promises'
import { join, normalize, sep } from 'node:path'
import { type Fetched, tooLarge, unchangedSince, unreachable, type Wanted } from './source.ts'

export async function readLocal(url: string, root: string, maxBytes: number, wanted: Wanted): Promise<Fetched> {
  const path = await insideRoot(pathOf(url), root)
  // What was resolved is opened and no link that came in its place; a pipe does not hold the reader up.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error: unknown) => {
    throw unreachable('the file cannot be opened', error)
  })
  try {
    const facts = await file.stat()
    if (!facts.isFile()) throw unreachable('this is no file')
    if (facts.size > maxBytes) throw tooLarge(maxBytes)
    const about = { etag: `"${facts.mtimeMs.toString(16)}-${facts.size.toString(16)}"`, lastModified: facts.mtime.toUTCString() }
    if (wanted.etag === about.etag || unchangedSince(facts.mtime, wanted.modifiedSince)) return { unchanged: about }
    return { source: { bytes: await file.readFile(), ...about } }
  } finally {
    await file.close()
  }
}

/** What follows `local://`; a query or an anchor is part of the name. */
function pathOf(url: string): string {
  const path = url.slice('local://'.length)
  if (path.includes('\0')) throw unreachable('the path holds a NUL')
  return path.startsWith('/') ? path : `/${path}`
}

/**
 * Upstream takes the path from the root on. Storage names whole paths of this machine: those count as they are where the root is above
 * them, so that the root need not be the whole disk.
 */
async function insideRoot(path: string, root: string): Promise<string> {
  const top = await realpath(root).catch((error: unknown) => {
    throw unreachable('the root cannot be read', error)
  })
  const below = top.endsWith(sep) ? top : top + sep
  const clean = normalize(path)
  const candidates = [join(top, clean), ...(clean.startsWith(below) || clean.startsWith(join(root, sep)) ? [clean] : [])]
  for (const candidate of candidates) {
    const real = await realpath(candidate).catch(() => undefined)
    if (real === undefined) continue
    if (!real.startsWith(below)) throw unreachable('the file lies outside of the root')
    return real
  }
  throw unreachable('there is no such file')
}
