// The ETag of a file: the md5 of its bytes, read once and remembered for as long as the file is the same, or its time and size.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { Attributes } from './attributes.ts'

export interface FileIdentity {
  readonly ino: number
  readonly size: number
  readonly mtimeMs: number
}

/** About 200 bytes each. */
const MAX_REMEMBERED = 20_000

const md5Of = async (path: string): Promise<string> => {
  const hash = createHash('md5')
  for await (const chunk of createReadStream(path, { highWaterMark: 262_144 })) hash.update(chunk)
  return hash.digest('hex')
}

export const digestOf = (md5: string, file: FileIdentity): string => `${md5} ${file.size} ${file.mtimeMs}`

export class Etags {
  readonly algorithm: 'md5' | 'mtime'
  readonly #known = new Map<string, { readonly file: FileIdentity; readonly md5: Promise<string> }>()

  constructor(algorithm: 'md5' | 'mtime') {
    this.algorithm = algorithm
  }

  /** With its quotes. */
  async of(path: string, file: FileIdentity, attributes: Attributes = {}): Promise<string> {
    if (this.algorithm === 'mtime') return `"${file.mtimeMs.toString(16)}-${file.size.toString(16)}"`
    const [md5, ...rest] = attributes.digest?.split(' ') ?? []
    if (md5 !== undefined && rest.join(' ') === `${file.size} ${file.mtimeMs}`) return `"${md5}"`
    const known = this.#known.get(path)
    if (known && known.file.ino === file.ino && known.file.size === file.size && known.file.mtimeMs === file.mtimeMs) {
      this.#known.delete(path)
      this.#known.set(path, known)
      return `"${await known.md5}"`
    }
    const reading = md5Of(path)
    this.#known.set(path, { file, md5: reading })
    reading.catch(() => this.#known.delete(path))
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MAX_REMEMBERED) break
      this.#known.delete(oldest)
    }
    return `"${await reading}"`
  }

  forget(path: string): void {
    this.#known.delete(path)
  }
}
