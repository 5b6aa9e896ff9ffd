// What HTTP needs to know of a file beside its bytes: extended attributes by upstream's names, or a file beside it where the file system
// has none, or no room for a long one.
import { readFile, writeFile } from 'node:fs/promises'

export interface Attributes {
  readonly contentType?: string
  readonly cacheControl?: string
  /** Of a part of a multipart upload: the bare md5, as upstream. */
  readonly etag?: string
  /** Ours: `<md5> <size> <mtime in ms>`, worth something as long as size and time are those of the file. */
  readonly digest?: string
}

/** Of the package `@napi-rs/xattr`. */
interface Native {
  getAttribute(path: string, name: string): Promise<Buffer | null>
  setAttribute(path: string, name: string, value: Buffer): Promise<void>
}

const PREFIX = process.platform === 'darwin' ? 'com.apple.metadata.' : 'user.'
const NAMES: Readonly<Record<keyof Attributes, string>> = {
  contentType: `${PREFIX}supabase.content-type`,
  cacheControl: `${PREFIX}supabase.cache-control`,
  etag: `${PREFIX}supabase.etag`,
  digest: `${PREFIX}plinth.digest`,
}
const KEYS = Object.keys(NAMES) as (keyof Attributes)[]

/** The file beside a file. No object's name can end so: its last segment is a version. */
export const besideOf = (path: string): string => `${path}.attributes`

export class AttributeStore {
  readonly #native: Native | undefined

  private constructor(native: Native | undefined) {
    this.#native = native
  }

  /** `native: false`: as on a system without extended attributes. */
  static async open(options: { native?: boolean } = {}): Promise<AttributeStore> {
    if (options.native === false) return new AttributeStore(undefined)
    try {
      const { getAttribute, setAttribute } = await import('@napi-rs/xattr')
      return new AttributeStore({ getAttribute, setAttribute })
    } catch {
      // The package has no binary for this platform: the files beside do.
      return new AttributeStore(undefined)
    }
  }

  async read(path: string): Promise<Attributes> {
    const found = this.#native ? await readNative(this.#native, path) : {}
    // Upstream always sets these, and so do we; a file without them has them beside, or has lost them on the way here.
    if ((found.contentType !== undefined && found.cacheControl !== undefined) || found.etag !== undefined) return found
    return { ...found, ...(await readBeside(path)) }
  }

  /** Returns true when they went into a file beside, which then has to be moved along. */
  async write(path: string, attributes: Attributes): Promise<boolean> {
    if (this.#native) {
      try {
        for (const key of KEYS) {
          const value = attributes[key]
          if (value !== undefined) await this.#native.setAttribute(path, NAMES[key], Buffer.from(value))
        }
        return false
      } catch {
        // Not supported here, or too long for this file system (ext4: 4 KB for all). A full disk shows in the next line.
      }
    }
    await writeFile(besideOf(path), JSON.stringify(attributes), { flush: true })
    return true
  }
}

async function readNative(native: Native, path: string): Promise<Attributes> {
  const values = await Promise.all(
    KEYS.map((key) =>
      // Not supported here: the same as not set.
      native.getAttribute(path, NAMES[key]).catch(() => null),
    ),
  )
  return Object.fromEntries(KEYS.flatMap((key, index) => (values[index] ? [[key, values[index].toString()]] : [])))
}

async function readBeside(path: string): Promise<Attributes> {
  let text: string
  try {
    text = await readFile(besideOf(path), 'utf8')
  } catch {
    return {}
  }
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null) return {}
    return Object.fromEntries(
      Object.entries(parsed).filter(([key, value]) => KEYS.includes(key as keyof Attributes) && typeof value === 'string'),
    )
  } catch {
    // Torn by a disk that lost power before version and file were in place: the row knows better anyway.
    return {}
  }
}
