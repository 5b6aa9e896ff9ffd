// Reading a version: a small one whole, a large one as a stream from an open file, so that its removal meanwhile harms nobody.
import { close, constants, createReadStream, fstat, open, read, readlinkSync, type Stats } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { errors } from '../../errors.ts'
import type { ByteRange } from '../backend.ts'
import { same } from './paths.ts'

/** Below this an object costs one read and no stream. */
export const WHOLE_BYTES = 65_536
const STREAM_BYTES = 262_144

const openFile = promisify(open)
const statOpen = promisify(fstat)
// The last name of a path may not be a link either; Windows knows no such flag.
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)

const ignore = () => undefined
const refused = (path: string) => errors.internal(new Error(`${path} is reached through a symbolic link`))

export interface OpenFile {
  readonly fd: number
  stat(): Promise<Stats>
  /** The first `size` bytes, if the file has exactly as many; closes. */
  whole(size: number): Promise<Buffer | undefined>
  stream(range: ByteRange | undefined, size: number): Readable
  close(): void
}

/** Rejects with noSuchObject where nothing is. */
export async function openVersion(path: string, resource: string): Promise<OpenFile> {
  let fd: number
  try {
    if (process.platform !== 'linux' && !same(await realpath(dirname(path)), dirname(path))) throw refused(path)
    fd = await openFile(path, FLAGS)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') throw errors.noSuchObject(resource, error)
    throw code === 'ELOOP' || code === 'EMLINK' ? refused(path) : error
  }
  // What was opened is asked, and not the path again: nobody can put a link between.
  if (process.platform === 'linux' && leadsElsewhere(fd, path)) {
    close(fd, ignore)
    throw refused(path)
  }
  return {
    fd,
    stat: () => statOpen(fd),
    whole: (size) =>
      new Promise((resolve, reject) => {
        const buffer = Buffer.allocUnsafe(size + 1)
        read(fd, buffer, 0, size + 1, 0, (error, bytes) => {
          if (error) return reject(error)
          resolve(bytes === size ? buffer.subarray(0, size) : undefined)
        })
      }),
    stream: (range, size) =>
      createReadStream(path, {
        fd,
        highWaterMark: STREAM_BYTES,
        start: range?.start ?? 0,
        // Of a file that grows meanwhile nobody gets more than was announced.
        end: range?.end ?? Math.max(size - 1, 0),
      }),
    close: () => close(fd, ignore),
  }
}

function leadsElsewhere(fd: number, path: string): boolean {
  let real: string
  try {
    real = readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    // No /proc here. The flag above has kept links out of the last name.
    return false
  }
  // A file that was unlinked after it was opened is still the one that was asked for.
  return real !== path && real !== `${path} (deleted)`
}
