// Uploads in parts: ROOT/multiparts/<upload id>/<key>/part-N with a metadata.json, as upstream lays them out, put together at the end.
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, mkdir, opendir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { Readable } from 'node:stream'
import { errors } from '../../errors.ts'
import type { Multipart, ObjectFacts, ObjectHead, ObjectVersion, StoredUpload } from '../backend.ts'
import { type AttributeStore, besideOf } from './attributes.ts'
import { place, syncFolder } from './folders.ts'
import { keyOf, type Layout } from './paths.ts'
import { openVersion } from './read.ts'
import { mediumError, spool, temporaryPath } from './spool.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** What the parts need of the backend that they belong to. */
export interface Wholes {
  readonly layout: Layout
  readonly attributes: AttributeStore
  /** Where bytes lie before they are in their place. */
  readonly temporary: string
  pathOf(of: ObjectVersion): string
  put(of: ObjectVersion, body: Readable, head: ObjectHead & { maxSize: number }): Promise<ObjectFacts>
}

export const multipartsFolder = (layout: Layout): string => join(layout.root, 'multiparts')

export function fileMultipart(wholes: Wholes): Multipart {
  const top = multipartsFolder(wholes.layout)
  const folderOf = (of: ObjectVersion, uploadId: string): string => {
    // An id of ours: nothing else ever becomes a path.
    if (!UUID.test(uploadId)) throw errors.noSuchUpload(uploadId)
    return join(top, uploadId, ...keyOf(wholes.layout, of).split('/'))
  }
  /** A part may only go where the upload was begun: a mkdir here would bring an aborted upload back. */
  const begun = async (of: ObjectVersion, uploadId: string): Promise<string> => {
    const folder = folderOf(of, uploadId)
    const there = await stat(join(folder, 'metadata.json')).catch(() => undefined)
    if (!there?.isFile()) throw errors.noSuchUpload(uploadId)
    return folder
  }

  async function store(
    of: ObjectVersion,
    uploadId: string,
    number: number,
    body: Readable,
    limits: { maxSize: number; size?: number },
    signal?: AbortSignal,
  ) {
    let folder: string
    try {
      folder = await begun(of, uploadId)
    } catch (error) {
      body.destroy()
      throw error
    }
    const to = join(folder, `part-${number}`)
    return spool(temporaryPath(wholes.temporary, of.version), body, limits, true, signal, async ({ path, handle, size, md5 }) => {
      const beside = await wholes.attributes.write(path, { etag: md5! })
      try {
        await handle.sync()
        await begun(of, uploadId)
        await place([...(beside ? [{ from: besideOf(path), to: besideOf(to) }] : []), { from: path, to }], folder, of.name)
      } catch (error) {
        if (beside) await rm(besideOf(path), { force: true })
        throw error
      }
      const { mtime } = await handle.stat()
      return { etag: md5!, size, lastModified: mtime }
    })
  }

  return {
    async create(of, { contentType, cacheControl }) {
      const uploadId = randomUUID()
      const folder = folderOf(of, uploadId)
      try {
        await mkdir(folder, { recursive: true })
        await writeFile(join(folder, 'metadata.json'), JSON.stringify({ contentType, cacheControl }), { flush: true })
        await Promise.all([syncFolder(folder), syncFolder(top)])
      } catch (error) {
        await rm(join(top, uploadId), { recursive: true, force: true })
        throw mediumError(error)
      }
      return uploadId
    },

    part: (of, uploadId, number, body, limits, signal) => store(of, uploadId, number, body, limits, signal),

    async partCopy(of, uploadId, number, from, range) {
      const source = await openVersion(wholes.pathOf(from), `${from.bucket}/${from.name}`)
      let body: Readable
      let bytes: number
      try {
        const { size } = await source.stat()
        if (range && (range.start > range.end || range.end >= size)) throw errors.invalidCopyRange()
        bytes = range ? range.end - range.start + 1 : size
        body = bytes === 0 ? Readable.from([]) : source.stream(range, size)
      } catch (error) {
        source.close()
        throw error
      }
      // From here on the stream closes the file.
      if (bytes === 0) source.close()
      return store(of, uploadId, number, body, { maxSize: bytes, size: bytes })
    },

    async complete(of, uploadId, parts) {
      const folder = await begun(of, uploadId)
      const files: { path: string; size: number }[] = []
      for (const { number, etag } of parts) {
        const path = join(folder, `part-${number}`)
        const file = await lstat(path).catch(() => undefined)
        if (!file?.isFile()) throw errors.missingPart(number, uploadId)
        const attributes = await wholes.attributes.read(path)
        if (attributes.etag !== etag.replaceAll('"', '')) throw errors.invalidChecksum(`Invalid ETag for part ${number}`)
        files.push({ path, size: file.size })
      }
      const size = files.reduce((sum, file) => sum + file.size, 0)
      const head = headOf(await readFile(join(folder, 'metadata.json'), 'utf8'))
      const facts = await wholes.put(of, Readable.from(concatenated(files), { objectMode: false }), { ...head, maxSize: size })
      await rm(join(top, uploadId), { recursive: true, force: true })
      return facts
    },

    async abort(of, uploadId) {
      folderOf(of, uploadId)
      await removeUpload(wholes.layout, uploadId)
      await syncFolder(top)
    },
  }
}

async function* concatenated(files: readonly { path: string; size: number }[]): AsyncGenerator<Buffer> {
  for (const { path, size } of files) {
    // A part that is replaced meanwhile is another file by the same name; this one is read to its end.
    if (size > 0) yield* createReadStream(path, { highWaterMark: 262_144 })
  }
}

function headOf(text: string): ObjectHead {
  const { contentType, cacheControl } = JSON.parse(text) as { contentType?: unknown; cacheControl?: unknown }
  return {
    contentType: typeof contentType === 'string' ? contentType : 'application/octet-stream',
    cacheControl: typeof cacheControl === 'string' ? cacheControl : 'no-cache',
  }
}

/** Uploads in parts that nobody has added to since. */
export async function* uploadsOf(layout: Layout, before: Date): AsyncGenerator<StoredUpload> {
  const top = multipartsFolder(layout)
  for await (const entry of await opendir(top)) {
    if (!entry.isDirectory() || !UUID.test(entry.name)) continue
    const { key, lastModified } = await newest(join(top, entry.name))
    if (lastModified < before) yield { uploadId: entry.name, key, lastModified }
  }
}

export async function removeUpload(layout: Layout, uploadId: string): Promise<void> {
  if (!UUID.test(uploadId)) throw errors.noSuchUpload(uploadId)
  await rm(join(multipartsFolder(layout), uploadId), { recursive: true, force: true })
}

/** Of all that lies in the folder of an upload; the key is where its parts are. */
async function newest(folder: string): Promise<{ key: string; lastModified: Date }> {
  let key = ''
  let lastModified = (await lstat(folder)).mtime
  try {
    for await (const entry of await opendir(folder, { recursive: true })) {
      if (entry.isDirectory()) continue
      key = relative(folder, entry.parentPath)
      const { mtime } = await lstat(join(entry.parentPath, entry.name))
      if (mtime > lastModified) lastModified = mtime
    }
  } catch (error) {
    // Finished while we looked.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return { key, lastModified }
}
