// Objects as files of one folder, in upstream's layout: a version is written beside, flushed, and moved to its place whole.
import { constants, type Stats } from 'node:fs'
import { copyFile, lstat, mkdir, open, realpath, rm, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { errors } from '../../errors.ts'
import type {
  Backend,
  CopyConditions,
  Download,
  Leftovers,
  Multipart,
  ObjectFacts,
  ObjectHead,
  ObjectVersion,
  PutHead,
  StoredVersion,
  Wanted,
} from '../backend.ts'
import { checkConditions } from '../conditions.ts'
import { AttributeStore, type Attributes, besideOf } from './attributes.ts'
import { digestOf, Etags } from './etags.ts'
import { fileMultipart, multipartsFolder, removeUpload, uploadsOf } from './file-multipart.ts'
import { place, prune, syncFolder } from './folders.ts'
import { acceptName, type Layout, pathOf, refuseLinks, tenantFolder } from './paths.ts'
import { openVersion, WHOLE_BYTES } from './read.ts'
import { mediumError, spool, sweep, temporaryPath } from './spool.ts'
import { bucketsOf, versionsOf } from './walk.ts'

export interface FileBackendOptions {
  /** STORAGE_FILE_BACKEND_PATH; made where it is missing. */
  readonly path: string
  /** STORAGE_S3_BUCKET: the first folder level. */
  readonly bucket: string
  readonly tenantId: string
  readonly etag: 'md5' | 'mtime'
  /** `-$v-` before the version instead of a slash. */
  readonly versionSeparator?: boolean
  /** False: as on a file system without extended attributes. */
  readonly extendedAttributes?: boolean
}

const resourceOf = (of: ObjectVersion): string => `${of.bucket}/${of.name}`
const gone = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')

export class FileBackend implements Backend {
  readonly multipart: Multipart
  readonly leftovers: Leftovers
  readonly #layout: Layout
  readonly #attributes: AttributeStore
  readonly #etags: Etags
  /** One for all buckets, on the disk of all: a move from here is a rename. */
  readonly #temporary: string

  private constructor(layout: Layout, attributes: AttributeStore, etag: 'md5' | 'mtime') {
    this.#layout = layout
    this.#attributes = attributes
    this.#etags = new Etags(etag)
    this.#temporary = temporaryFolder(layout)
    this.multipart = fileMultipart({
      layout,
      attributes,
      temporary: this.#temporary,
      pathOf: (of) => pathOf(layout, of),
      put: (of, body, head) => this.put(of, body, head),
    })
    this.leftovers = {
      sweep: (of) => sweep(this.#temporary, of),
      uploads: (before) => uploadsOf(layout, before),
      removeUpload: ({ uploadId }) => removeUpload(layout, uploadId),
    }
  }

  static async open(options: FileBackendOptions): Promise<FileBackend> {
    const wanted = resolve(options.path)
    for (const level of [options.bucket, options.tenantId]) {
      if (!/^(?!\.\.?$)[^\0/\\]+$/.test(level))
        throw new Error(`STORAGE_S3_BUCKET and TENANT_ID are folders here: "${level}" cannot be one`)
    }
    if (['multiparts', TEMPORARY].includes(options.bucket))
      throw new Error(`STORAGE_S3_BUCKET=${options.bucket} is the name of a folder of Storage's own`)
    await mkdir(wanted, { recursive: true })
    const layout: Layout = {
      root: await realpath(wanted),
      bucket: options.bucket,
      tenant: options.tenantId,
      separator: options.versionSeparator ? '-$v-' : '/',
    }
    for (const folder of [tenantFolder(layout), multipartsFolder(layout), temporaryFolder(layout)]) {
      await mkdir(folder, { recursive: true })
      await refuseLinks(folder)
    }
    await Promise.all([layout.root, join(layout.root, layout.bucket)].map(syncFolder))
    const attributes = await AttributeStore.open(options.extendedAttributes === false ? { native: false } : {})
    return new FileBackend(layout, attributes, options.etag)
  }

  accept(name: string): void {
    acceptName(name, this.#layout.separator)
  }

  async put(of: ObjectVersion, body: Readable, head: PutHead, signal?: AbortSignal): Promise<ObjectFacts> {
    let to: string
    try {
      to = pathOf(this.#layout, of)
    } catch (error) {
      body.destroy()
      throw error
    }
    const { contentType, cacheControl } = head
    return spool(
      temporaryPath(this.#temporary, of.version),
      body,
      head,
      this.#etags.algorithm === 'md5',
      signal,
      async ({ path, handle, size, md5 }) => {
        const file = await handle.stat()
        const digest = md5 === undefined ? {} : { digest: digestOf(md5, file) }
        await this.#publish(of, path, to, { contentType, cacheControl, ...digest }, () => handle.sync())
        return { contentType, cacheControl, size, etag: await this.#etags.of(to, file, digest), lastModified: file.mtime }
      },
    )
  }

  /** From a written temporary file to a version that is there for good. */
  async #publish(of: ObjectVersion, path: string, to: string, attributes: Attributes, sync: () => Promise<void>): Promise<void> {
    let beside = false
    try {
      beside = await this.#attributes.write(path, attributes)
      await sync()
      const moves = [...(beside ? [{ from: besideOf(path), to: besideOf(to) }] : []), { from: path, to }]
      await place(moves, tenantFolder(this.#layout), of.name)
    } catch (error) {
      if (beside) await rm(besideOf(path), { force: true })
      // It may stand at its place already, and only the flush of a folder failed.
      await this.remove([of]).catch(() => undefined)
      throw error
    }
  }

  async get(of: ObjectVersion, wanted: Wanted = {}): Promise<Download> {
    const path = pathOf(this.#layout, of)
    const file = await openVersion(path, resourceOf(of))
    let handedOn = false
    try {
      let { facts } = wanted
      if (facts && facts.size <= WHOLE_BYTES) {
        const body = await file.whole(facts.size)
        if (body) return { facts, body: cut(body, wanted.range) }
      }
      const found = await file.stat()
      if (!found.isFile()) throw errors.noSuchObject(resourceOf(of))
      // Where row and file differ, somebody has changed the file, and the file is what there is.
      if (facts?.size !== found.size) facts = await this.#facts(path, found)
      if (found.size <= WHOLE_BYTES) {
        const body = await file.whole(found.size)
        if (body) return { facts, body: cut(body, wanted.range) }
      }
      const body = file.stream(wanted.range, found.size)
      handedOn = true
      return { facts, body }
    } finally {
      if (!handedOn) file.close()
    }
  }

  async head(of: ObjectVersion): Promise<ObjectFacts> {
    const path = pathOf(this.#layout, of)
    const file = await openVersion(path, resourceOf(of))
    try {
      const found = await file.stat()
      if (!found.isFile()) throw errors.noSuchObject(resourceOf(of))
      return await this.#facts(path, found)
    } finally {
      file.close()
    }
  }

  async #facts(path: string, file: Stats): Promise<ObjectFacts> {
    const attributes = await this.#attributes.read(path)
    return {
      contentType: attributes.contentType ?? 'application/octet-stream',
      cacheControl: attributes.cacheControl ?? 'no-cache',
      size: file.size,
      etag: await this.#etags.of(path, file, attributes),
      lastModified: file.mtime,
    }
  }

  async copy(from: ObjectVersion, to: ObjectVersion, head: Partial<ObjectHead> = {}, conditions?: CopyConditions): Promise<ObjectFacts> {
    const source = await this.head(from)
    if (conditions) checkConditions(conditions, source)
    const contentType = head.contentType ?? source.contentType
    const cacheControl = head.cacheControl ?? source.cacheControl
    const target = pathOf(this.#layout, to)
    const path = temporaryPath(this.#temporary, to.version)
    try {
      // A file system that can shares the blocks, and the copy costs nothing.
      await copyFile(pathOf(this.#layout, from), path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
      const handle = await open(path, 'r+')
      try {
        const file = await handle.stat()
        const md5 = /^"([0-9a-f]{32})"$/.exec(source.etag)?.[1]
        const digest = md5 && file.size === source.size ? { digest: digestOf(md5, file) } : {}
        await this.#publish(to, path, target, { contentType, cacheControl, ...digest }, () => handle.sync())
        return { contentType, cacheControl, size: file.size, etag: await this.#etags.of(target, file, digest), lastModified: file.mtime }
      } finally {
        await handle.close()
      }
    } catch (error) {
      await unlink(path).catch(() => undefined)
      if (gone(error)) throw errors.noSuchObject(resourceOf(from), error)
      throw mediumError(error)
    }
  }

  async remove(many: readonly ObjectVersion[]): Promise<void> {
    const staying = new Set<string>()
    for (const of of many) {
      const path = pathOf(this.#layout, of)
      try {
        await refuseLinks(dirname(path))
      } catch (error) {
        if (!gone(error)) throw error
        continue
      }
      for (const file of [besideOf(path), path]) {
        try {
          await unlink(file)
        } catch (error) {
          const { code } = error as NodeJS.ErrnoException
          // A folder of that name belongs to other objects.
          if (!gone(error) && code !== 'EISDIR' && !(code === 'EPERM' && (await lstat(file)).isDirectory())) throw error
        }
      }
      this.#etags.forget(path)
      staying.add(await prune(dirname(path), tenantFolder(this.#layout)))
    }
    // Gone for good: whoever recorded that they have to go may forget it now.
    await Promise.all([...staying].map(syncFolder))
  }

  async addressFor(of: ObjectVersion): Promise<string> {
    // Upstream puts the absolute path behind three slashes, so there are four.
    return `local:///${pathOf(this.#layout, of)}`
  }

  async *versions(bucket?: string): AsyncGenerator<StoredVersion> {
    if (bucket !== undefined) return yield* versionsOf(this.#layout, bucket)
    for await (const name of bucketsOf(this.#layout)) yield* versionsOf(this.#layout, name)
  }

  async close(): Promise<void> {}
}

const TEMPORARY = 'uploading'
const temporaryFolder = (layout: Layout): string => join(layout.root, TEMPORARY)
const cut = (body: Buffer, range: Wanted['range']): Buffer => (range ? body.subarray(range.start, range.end + 1) : body)
