// A plain file tree without extended attributes: stands in until the file backend is here.
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { copyFile, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { errors } from '../errors.ts'
import type { Backend, Download, Multipart, ObjectFacts, ObjectHead, ObjectVersion, PutHead, StoredVersion, Wanted } from './backend.ts'

export class SimpleFileBackend implements Backend {
  readonly #root: string
  readonly multipart = undefined as unknown as Multipart

  constructor(path: string, bucket: string, tenant: string) {
    this.#root = join(path, bucket, tenant)
  }

  accept(name: string): void {
    if (name.split('/').some((part) => part === '.' || part === '..' || part.length > 255)) throw errors.invalidKey(name)
  }

  async put(of: ObjectVersion, body: Readable, head: PutHead, signal?: AbortSignal): Promise<ObjectFacts> {
    const path = this.#path(of)
    await mkdir(dirname(path), { recursive: true })
    const hash = createHash('md5')
    let size = 0
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        size += chunk.length
        hash.update(chunk)
        done(size > head.maxSize ? errors.entityTooLarge() : null, chunk)
      },
    })
    try {
      await pipeline(body, count, createWriteStream(`${path}.tmp`), ...(signal ? [{ signal }] : []))
      if (head.size !== undefined && size !== head.size) throw errors.aborted()
      const facts = {
        contentType: head.contentType,
        cacheControl: head.cacheControl,
        size,
        etag: `"${hash.digest('hex')}"`,
        lastModified: new Date(),
      }
      await writeFile(`${path}.facts`, JSON.stringify(facts))
      await rename(`${path}.tmp`, path)
      return facts
    } catch (error) {
      await rm(`${path}.tmp`, { force: true })
      throw error
    }
  }

  async get(of: ObjectVersion, { range, facts: known }: Wanted = {}): Promise<Download> {
    const path = this.#path(of)
    const facts = known ?? (await this.head(of))
    try {
      if (facts.size <= 65_536) {
        const whole = await readFile(path)
        return { facts, body: range ? whole.subarray(range.start, range.end + 1) : whole }
      }
      await stat(path)
      return { facts, body: createReadStream(path, range ? { start: range.start, end: range.end } : {}) }
    } catch (error) {
      throw missing(error)
    }
  }

  async head(of: ObjectVersion): Promise<ObjectFacts> {
    try {
      const facts = JSON.parse(await readFile(`${this.#path(of)}.facts`, 'utf8')) as ObjectFacts & { lastModified: string }
      return { ...facts, lastModified: new Date(facts.lastModified) }
    } catch (error) {
      throw missing(error)
    }
  }

  async copy(from: ObjectVersion, to: ObjectVersion, head: Partial<ObjectHead> = {}): Promise<ObjectFacts> {
    const facts = { ...(await this.head(from)), ...head, lastModified: new Date() }
    await mkdir(dirname(this.#path(to)), { recursive: true })
    await copyFile(this.#path(from), this.#path(to))
    await writeFile(`${this.#path(to)}.facts`, JSON.stringify(facts))
    return facts
  }

  async remove(many: readonly ObjectVersion[]): Promise<void> {
    for (const of of many) for (const end of ['', '.facts']) await rm(this.#path(of) + end, { force: true })
  }

  async addressFor(of: ObjectVersion): Promise<string> {
    return `local://${this.#path(of)}`
  }

  async *versions(): AsyncIterable<StoredVersion> {}

  async close(): Promise<void> {}

  #path({ bucket, name, version }: ObjectVersion): string {
    return join(this.#root, bucket, name, version)
  }
}

const missing = (error: unknown): unknown =>
  (error as NodeJS.ErrnoException).code === 'ENOENT' ? errors.noSuchObject(undefined, error) : error
