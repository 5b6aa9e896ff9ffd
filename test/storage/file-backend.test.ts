// The file backend on its own: upstream's tree, names that lead elsewhere, links, writers that meet, disks that are full.
import { spawnSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { getAttribute, setAttribute } from '@napi-rs/xattr'
import { afterAll, expect, test } from 'vitest'
import type { ObjectVersion, StoredUpload } from '../../src/services/storage/backend/backend.ts'
import { FileBackend, type FileBackendOptions } from '../../src/services/storage/backend/file/file-backend.ts'
import { backendContract } from './backend-contract.ts'

const folders: string[] = []
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

async function tree(
  options: Partial<FileBackendOptions> = {},
): Promise<{ root: string; backend: FileBackend; again: () => Promise<FileBackend> }> {
  const root = await mkdtemp(join(tmpdir(), 'plinth-files-'))
  folders.push(root)
  const again = () => FileBackend.open({ path: root, bucket: 'stub', tenantId: 'stub', etag: 'md5', ...options })
  return { root, backend: await again(), again }
}

const head = { contentType: 'text/plain', cacheControl: 'max-age=60', maxSize: 10_000_000 }
const body = (text: string) => Readable.from([Buffer.from(text)])
const fresh = (name: string, bucket = 'pictures'): ObjectVersion => ({ bucket, name, version: randomUUID() })
const md5 = (text: string) => `"${createHash('md5').update(text).digest('hex')}"`
const text = async (backend: FileBackend, of: ObjectVersion) => String((await backend.get(of)).body)
/** Everything in the tree that is no folder, below ROOT/stub/stub. */
const files = async (root: string) => {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries.flatMap((entry) => (entry.isDirectory() ? [] : [join(entry.parentPath, entry.name).slice(root.length)])).toSorted()
}

const variants: [string, Partial<FileBackendOptions>][] = [
  ['the file backend', {}],
  ['the file backend without extended attributes', { extendedAttributes: false }],
  ['the file backend with a separator of versions', { versionSeparator: true }],
]
for (const [name, options] of variants) {
  backendContract(
    name,
    async () => {
      const { backend, root } = await tree(options)
      return {
        backend,
        async close() {
          const temporary = await readdir(join(root, 'uploading'))
          await backend.close()
          expect(temporary).toEqual([])
        },
      }
    },
    { md5Etags: true },
  )
}

test('the tree is that of upstream, with its attributes', async () => {
  const { root, backend } = await tree()
  const of = fresh('folder/cat.txt')
  await backend.put(of, body('meow'), head)
  const path = join(root, 'stub/stub/pictures/folder/cat.txt', of.version)
  expect(await readFile(path, 'utf8')).toBe('meow')
  expect(String(await getAttribute(path, 'user.supabase.content-type'))).toBe('text/plain')
  expect(String(await getAttribute(path, 'user.supabase.cache-control'))).toBe('max-age=60')
  expect(await files(root)).toEqual([path.slice(root.length)])
  expect(await backend.addressFor(of)).toBe(`local:////${path.slice(1)}`)
  await backend.remove([of])
  expect(await readdir(join(root, 'stub/stub'))).toEqual([])
})

test('a tree that upstream has written is read', async () => {
  const { root, backend } = await tree()
  const [whole, bare, old] = [fresh('a/whole'), fresh('a/bare'), { bucket: 'pictures', name: 'of-the-first-release', version: '' }] as const
  const write = async (path: string, bytes: string) => {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, bytes)
    return path
  }
  const path = await write(join(root, 'stub/stub/pictures/a/whole', whole.version), 'of upstream')
  await setAttribute(path, 'user.supabase.content-type', Buffer.from('image/png'))
  await setAttribute(path, 'user.supabase.cache-control', Buffer.from('max-age=3600'))
  await write(join(root, 'stub/stub/pictures/a/bare', bare.version), 'copied without attributes')
  await write(join(root, 'stub/stub/pictures/of-the-first-release'), 'no version')
  expect(await backend.head(whole)).toMatchObject({
    contentType: 'image/png',
    cacheControl: 'max-age=3600',
    size: 11,
    etag: md5('of upstream'),
  })
  expect(await backend.head(bare)).toMatchObject({ contentType: 'application/octet-stream', cacheControl: 'no-cache' })
  expect(await text(backend, old)).toBe('no version')
  const found: ObjectVersion[] = []
  for await (const { bucket, name, version } of backend.versions()) found.push({ bucket, name, version })
  expect(found).toHaveLength(3)
  expect(found).toEqual(expect.arrayContaining([whole, bare, old]))
})

test('an ETag is that of the bytes, also when somebody has changed them, and after a start', async () => {
  const { root, backend, again } = await tree()
  const of = fresh('changed')
  const facts = await backend.put(of, body('before'), head)
  const path = join(root, 'stub/stub/pictures/changed', of.version)
  expect((await (await again()).head(of)).etag).toBe(md5('before'))
  await appendFile(path, ' and after')
  expect(await backend.head(of)).toMatchObject({ etag: md5('before and after'), size: 16 })
  const got = await backend.get(of, { facts })
  expect(String(got.body)).toBe('before and after')
  expect(got.facts).toMatchObject({ etag: md5('before and after'), size: 16 })
  await writeFile(path, 'BEFORE AND AFTER')
  await utimes(path, new Date(), new Date(1_000))
  expect((await backend.head(of)).etag).toBe(md5('BEFORE AND AFTER'))
})

test('STORAGE_FILE_ETAG_ALGORITHM=mtime makes ETags of time and size, in hexadecimal', async () => {
  const { root, backend } = await tree({ etag: 'mtime' })
  const of = fresh('timed')
  const { etag } = await backend.put(of, body('sixteen bytes...'), head)
  expect(etag).toMatch(/^"[0-9a-f.]+-10"$/)
  expect((await backend.head(of)).etag).toBe(etag)
  await utimes(join(root, 'stub/stub/pictures/timed', of.version), 255, 255)
  expect((await backend.head(of)).etag).toBe(`"${(255_000).toString(16)}-10"`)
})

test.each([
  ['a/../../b', /^Invalid key: a\/\.\.\/\.\.\/b contains dot path segment$/],
  ['..', /contains dot path segment/],
  ['./a', /contains dot path segment/],
  ['a\\..\\b', /contains dot path segment/],
  ['a\0b', /contains null byte/],
  [`a/${'b'.repeat(256)}/c`, /too long/],
  ['a/'.repeat(2_000), /too long/],
])('the name %j is refused', async (name, message) => {
  const { root, backend } = await tree()
  const of = fresh(name)
  const refused = expect.objectContaining({ code: 'InvalidKey', status: 400, message: expect.stringMatching(message) })
  expect(() => backend.accept(name)).toThrow(refused)
  await expect(backend.put(of, body('x'), head)).rejects.toThrow(refused)
  await expect(backend.get(of)).rejects.toThrow(refused)
  await expect(backend.remove([of])).rejects.toThrow(refused)
  await expect(backend.multipart.create(of, head)).rejects.toThrow(refused)
  expect(await files(root)).toEqual([])
})

test.each(['C:/windows/x', '/absolute', 'a//b', 'folder/', '...', '.hidden', 'x'.repeat(255)])(
  'the name %j stays within its bucket',
  async (name) => {
    const { root, backend } = await tree()
    const of = fresh(name)
    backend.accept(name)
    await backend.put(of, body('inside'), head)
    expect(await text(backend, of)).toBe('inside')
    expect((await files(root)).every((path) => path.startsWith('/stub/stub/pictures/'))).toBe(true)
    await backend.remove([of])
    expect(await files(root)).toEqual([])
  },
)

test.each(['..', '.', '', 'a/b', 'a\\b', 'a\0'])('the bucket id %j is no folder', async (bucket) => {
  const { backend } = await tree()
  await expect(backend.put(fresh('x', bucket), body('x'), head)).rejects.toMatchObject({ code: 'InvalidBucketName' })
})

test('a link in the tree leads nowhere: not to a file, not through a folder, not for a writer or a remover', async () => {
  const { root, backend } = await tree()
  const outside = await mkdtemp(join(tmpdir(), 'plinth-outside-'))
  folders.push(outside)
  const of = fresh('cat', 'linked')
  await mkdir(join(outside, 'cat'))
  await writeFile(join(outside, 'cat', of.version), 'secret')
  await symlink(outside, join(root, 'stub/stub/linked'))
  const planted = fresh('planted')
  await mkdir(join(root, 'stub/stub/pictures/planted'), { recursive: true })
  await symlink(join(outside, 'cat', of.version), join(root, 'stub/stub/pictures/planted', planted.version))
  for (const victim of [of, planted]) {
    await expect(backend.get(victim)).rejects.toMatchObject({ code: 'InternalError' })
    await expect(backend.get(victim, { facts: { ...head, size: 6, etag: '""', lastModified: new Date() } })).rejects.toMatchObject({
      code: 'InternalError',
    })
    await expect(backend.head(victim)).rejects.toMatchObject({ code: 'InternalError' })
    await expect(backend.copy(victim, fresh('copy'))).rejects.toMatchObject({ code: 'InternalError' })
  }
  await expect(backend.put(fresh('dog', 'linked'), body('x'), head)).rejects.toMatchObject({ code: 'InternalError' })
  await expect(backend.remove([of])).rejects.toMatchObject({ code: 'InternalError' })
  await backend.remove([planted])
  const found: string[] = []
  for await (const { name } of backend.versions()) found.push(name)
  expect(found).toEqual([])
  expect(await readFile(join(outside, 'cat', of.version), 'utf8')).toBe('secret')
  expect(await readdir(outside)).toEqual(['cat'])
})

test('a name that goes through the version of another object is refused, and harms neither', async () => {
  const { root, backend } = await tree()
  const of = fresh('a')
  await backend.put(of, body('first'), head)
  await expect(backend.put(fresh(`a/${of.version}`), body('x'), head)).rejects.toMatchObject({ code: 'InvalidKey' })
  await expect(backend.head(fresh(`a/${of.version}/b`))).rejects.toMatchObject({ code: 'NoSuchKey' })
  expect(await text(backend, of)).toBe('first')
  expect(await files(root)).toHaveLength(1)
})

test('folders are made and removed by many at once, and no object is lost', async () => {
  const { root, backend } = await tree()
  await Promise.all(
    Array.from({ length: 8 }, async (_, writer) => {
      for (let round = 0; round < 15; round++) {
        const of = fresh(`deep/er/and/deeper/${round % 3}`)
        await backend.put(of, body(`${writer} ${round}`), head)
        expect(await text(backend, of)).toBe(`${writer} ${round}`)
        await backend.remove([of])
      }
    }),
  )
  expect(await files(root)).toEqual([])
  expect(await readdir(join(root, 'stub/stub'))).toEqual([])
})

test('attributes that are too long for the file system go beside', async () => {
  const { root, backend } = await tree()
  const of = fresh('long')
  const cacheControl = `max-age=1, ${'x'.repeat(70_000)}`
  await backend.put(of, body('bytes'), { ...head, cacheControl })
  expect(await backend.head(of)).toMatchObject({ cacheControl, contentType: 'text/plain' })
  const found: ObjectVersion[] = []
  for await (const { bucket, name, version } of backend.versions()) found.push({ bucket, name, version })
  expect(found).toEqual([of])
  await backend.remove([of])
  expect(await files(root)).toEqual([])
})

test('what a crash has left of an upload is swept by version and by age, and uploads in parts by age', async () => {
  const { root, backend } = await tree()
  const [mine, other] = [randomUUID(), randomUUID()]
  for (const version of [mine, other]) await writeFile(join(root, 'uploading', `${version}.0123456789ab`), 'half')
  const { leftovers } = backend
  expect(await leftovers.sweep({ version: mine })).toBe(1)
  expect(await leftovers.sweep({ before: new Date(Date.now() - 60_000) })).toBe(0)
  expect(await leftovers.sweep({ before: new Date(Date.now() + 60_000) })).toBe(1)
  const of = fresh('in parts')
  const uploadId = await backend.multipart.create(of, head)
  await backend.multipart.part(of, uploadId, 1, body('part'), { maxSize: 4 })
  const abandoned = async (before: number) => {
    const found: StoredUpload[] = []
    for await (const upload of leftovers.uploads(new Date(before))) found.push(upload)
    return found
  }
  expect(await abandoned(Date.now() - 60_000)).toEqual([])
  const [upload] = await abandoned(Date.now() + 60_000)
  expect(upload).toMatchObject({ uploadId, key: `stub/stub/pictures/in parts/${of.version}` })
  await leftovers.removeUpload(upload!)
  expect(await files(root)).toEqual([])
})

test.each([
  [{ bucket: '..' }, /folders here/],
  [{ tenantId: 'a/b' }, /folders here/],
  [{ bucket: 'multiparts' }, /a folder of Storage's own/],
])('%j is refused at start', async (options, message) => {
  await expect(tree(options)).rejects.toThrow(message)
})

const canMount =
  process.getuid?.() === 0 &&
  spawnSync('sh', ['-c', 'd=$(mktemp -d) && mount -t tmpfs -o size=1m tmpfs $d && umount $d && rmdir $d']).status === 0

test.runIf(canMount)('a full disk is named, nothing is left, and with space again all goes on', async () => {
  const root = await mkdtemp(join(tmpdir(), 'plinth-disk-'))
  folders.push(root)
  expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', root]).status).toBe(0)
  try {
    const backend = await FileBackend.open({ path: root, bucket: 'stub', tenantId: 'stub', etag: 'md5' })
    const kept = fresh('kept')
    await backend.put(kept, Readable.from([Buffer.alloc(2_500_000)]), head)
    const full = { code: 'InternalError', status: 500, message: 'No space is left where objects are stored' }
    await expect(backend.put(fresh('too big'), Readable.from([Buffer.alloc(3_000_000)]), head)).rejects.toMatchObject(full)
    await expect(backend.copy(kept, fresh('copy'))).rejects.toMatchObject(full)
    const of = fresh('parts')
    const uploadId = await backend.multipart.create(of, head)
    const { etag } = await backend.multipart.part(of, uploadId, 1, Readable.from([Buffer.alloc(900_000)]), { maxSize: 1_000_000 })
    await expect(
      backend.multipart.part(of, uploadId, 2, Readable.from([Buffer.alloc(900_000)]), { maxSize: 1_000_000 }),
    ).rejects.toMatchObject(full)
    await expect(backend.multipart.complete(of, uploadId, [{ number: 1, etag }])).rejects.toMatchObject(full)
    await backend.multipart.abort(of, uploadId)
    expect(await files(root)).toEqual([`/stub/stub/pictures/kept/${kept.version}`])
    await backend.remove([kept])
    await backend.put(fresh('fits now'), Readable.from([Buffer.alloc(3_000_000)]), head)
  } finally {
    spawnSync('umount', [root])
  }
})
