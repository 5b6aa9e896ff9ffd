// What holds of every storage backend, as one suite: run over the file backend, the S3 backend, and the latter against a peer.
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Backend, ObjectVersion, StoredVersion } from '../../src/services/storage/backend/backend.ts'

export interface ContractSubject {
  readonly backend: Backend
  close(): Promise<void>
}

const MIB = 1_048_576
const head = { contentType: 'text/plain', cacheControl: 'max-age=60', maxSize: 100 * MIB }
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex')
const body = (...chunks: (string | Uint8Array)[]) => Readable.from(chunks.map((chunk) => Buffer.from(chunk)))
const fresh = (name: string, bucket = 'pictures'): ObjectVersion => ({ bucket, name, version: randomUUID() })

/** `md5Etags`: the ETag of a whole object is its md5, also when it was put together of parts. */
export function backendContract(name: string, open: () => Promise<ContractSubject>, { md5Etags }: { md5Etags: boolean }): void {
  describe(name, () => {
    let subject: ContractSubject
    let backend: Backend
    beforeAll(async () => {
      subject = await open()
      backend = subject.backend
    })
    afterAll(() => subject?.close())

    const read = async (of: ObjectVersion, wanted?: Parameters<Backend['get']>[1]) => {
      const { body: bytes, facts } = await backend.get(of, wanted)
      return { bytes: Buffer.isBuffer(bytes) ? bytes : await buffer(bytes), facts }
    }
    const stored = async (bucket: string) => {
      const found: StoredVersion[] = []
      for await (const version of backend.versions(bucket)) found.push(version)
      return found.toSorted((a, b) => (a.version < b.version ? -1 : 1))
    }

    test.each([0, 1, 5, 65_536, 65_537, 3 * MIB + 7])('%i bytes come back as they were put', async (size) => {
      const of = fresh(`of ${size}`)
      const bytes = randomBytes(size)
      const put = await backend.put(of, body(bytes), head)
      expect(put).toMatchObject({ contentType: 'text/plain', cacheControl: 'max-age=60', size })
      if (md5Etags) expect(put.etag).toBe(`"${md5(bytes)}"`)
      const facts = { ...put, lastModified: expect.any(Date) }
      expect(await backend.head(of)).toEqual(facts)
      const got = await read(of)
      expect(got.facts).toEqual(facts)
      expect(got.bytes.equals(bytes)).toBe(true)
      expect((await read(of, { facts: put })).bytes.equals(bytes)).toBe(true)
    })

    test('ranges are cut at both ends', async () => {
      for (const size of [100, 200_000]) {
        const of = fresh(`range of ${size}`)
        const bytes = randomBytes(size)
        const facts = await backend.put(of, body(bytes), head)
        for (const range of [
          { start: 0, end: 0 },
          { start: 0, end: size - 1 },
          { start: 10, end: 59 },
          { start: size - 1, end: size - 1 },
        ]) {
          for (const wanted of [{ range }, { range, facts }]) {
            const got = await read(of, wanted)
            expect(got.bytes.equals(bytes.subarray(range.start, range.end + 1))).toBe(true)
            expect(got.facts.size).toBe(size)
          }
        }
      }
    })

    test('whatever is put is what is got', async () => {
      const names = fc.stringMatching(/^[A-Za-z0-9_!.*'() &$=@;:+,?-]{1,20}(\/[A-Za-z0-9_!.*'() &$=@;:+,?-]{1,20}){0,3}$/)
      await fc.assert(
        fc.asyncProperty(
          names.filter((text) => !text.split('/').some((segment) => segment === '.' || segment === '..')),
          fc.array(fc.uint8Array({ maxLength: 2_000 }), { maxLength: 5 }),
          async (text, chunks) => {
            const of = fresh(text, 'random')
            const facts = await backend.put(of, body(...chunks), head)
            const bytes = Buffer.concat(chunks)
            expect(facts.size).toBe(bytes.length)
            expect((await read(of)).bytes.equals(bytes)).toBe(true)
            expect(await stored('random')).toEqual([{ ...of, size: bytes.length, lastModified: expect.any(Date) }])
            await backend.remove([of])
            expect(await stored('random')).toEqual([])
          },
        ),
        { numRuns: 30 },
      )
    })

    test('what is not there is said to be missing', async () => {
      const missing = { code: 'NoSuchKey', error: 'Not found', message: 'The resource was not found' }
      await expect(backend.get(fresh('nothing'))).rejects.toMatchObject(missing)
      await expect(backend.head(fresh('nothing'))).rejects.toMatchObject(missing)
      await expect(backend.copy(fresh('nothing'), fresh('copy of nothing'))).rejects.toMatchObject(missing)
      const facts = { ...head, size: 5, etag: '"x"', lastModified: new Date() }
      await expect(backend.get(fresh('nothing'), { facts })).rejects.toMatchObject(missing)
      await backend.remove([fresh('nothing'), fresh('nothing/at/all')])
      expect((await stored('pictures')).filter(({ name }) => /nothing/.test(name))).toEqual([])
    })

    test('versions of one name live beside each other, and a name may be a folder of others', async () => {
      const versions = [fresh('a', 'beside'), fresh('a', 'beside'), fresh('a/b', 'beside'), fresh('a/b/c', 'beside')]
      for (const [index, of] of versions.entries()) await backend.put(of, body(`number ${index}`), head)
      for (const [index, of] of versions.entries()) expect(String((await read(of)).bytes)).toBe(`number ${index}`)
      expect((await stored('beside')).map(({ version }) => version)).toEqual(versions.map(({ version }) => version).toSorted())
      await backend.remove(versions.slice(0, 3))
      expect(await stored('beside')).toMatchObject([versions[3]!])
      expect(String((await read(versions[3]!)).bytes)).toBe('number 3')
      await backend.remove(versions)
      expect(await stored('beside')).toEqual([])
    })

    test.each([
      ['one byte too many', () => body('12345', '6'), { maxSize: 5 }, 'EntityTooLarge'],
      ['many bytes too many', () => body(Buffer.alloc(9 * MIB)), { maxSize: 8 * MIB }, 'EntityTooLarge'],
      ['fewer bytes than announced', () => body('123'), { maxSize: 10, size: 5 }, 'InvalidRequest'],
      ['more bytes than announced', () => body('123456'), { maxSize: 10, size: 5 }, 'InvalidRequest'],
    ])('%s are refused, and nothing is left', async (_, source, limits, code) => {
      await expect(backend.put(fresh('refused', 'refusals'), source(), { ...head, ...limits })).rejects.toMatchObject({ code })
      expect(await stored('refusals')).toEqual([])
    })

    test('exactly the limit is taken', async () => {
      const of = fresh('exact')
      expect((await backend.put(of, body('12345'), { ...head, maxSize: 5, size: 5 })).size).toBe(5)
    })

    test('a body that breaks off leaves nothing', async () => {
      for (const sent of [10, 9 * MIB]) {
        const source = new PassThrough()
        const putting = backend.put(fresh('broken', 'breaks'), source, head)
        const refused = expect(putting).rejects.toMatchObject({ code: 'Aborted' })
        source.write(Buffer.alloc(sent))
        setImmediate(() => source.destroy(new Error('the peer went away')))
        await refused
      }
      expect(await stored('breaks')).toEqual([])
    })

    test('a signal ends an upload, before and while it runs', async () => {
      await expect(backend.put(fresh('aborted', 'breaks'), new PassThrough(), head, AbortSignal.abort())).rejects.toMatchObject({
        code: 'Aborted',
      })
      const source = new PassThrough()
      const controller = new AbortController()
      const putting = backend.put(fresh('aborted', 'breaks'), source, head, controller.signal)
      const refused = expect(putting).rejects.toMatchObject({ code: 'Aborted' })
      source.write(Buffer.alloc(100_000), () => controller.abort())
      await refused
      expect(source.destroyed).toBe(true)
      expect(await stored('breaks')).toEqual([])
    })

    test('a copy has the bytes, and the head that is asked for', async () => {
      const from = fresh('source')
      const bytes = randomBytes(300_000)
      const facts = await backend.put(from, body(bytes), head)
      const plain = fresh('copies/plain', 'elsewhere')
      expect(await backend.copy(from, plain)).toMatchObject({ contentType: 'text/plain', cacheControl: 'max-age=60', size: bytes.length })
      expect((await read(plain)).bytes.equals(bytes)).toBe(true)
      if (md5Etags) expect((await backend.head(plain)).etag).toBe(facts.etag)
      const other = fresh('copies/other', 'elsewhere')
      expect(await backend.copy(from, other, { cacheControl: 'no-store' })).toMatchObject({
        contentType: 'text/plain',
        cacheControl: 'no-store',
      })
      expect(await backend.head(other)).toMatchObject({ contentType: 'text/plain', cacheControl: 'no-store', size: bytes.length })
      await backend.remove([from])
      expect((await read(plain)).bytes.equals(bytes)).toBe(true)
    })

    test('a copy asks its conditions', async () => {
      const from = fresh('conditional')
      const { etag } = await backend.put(from, body('bytes'), head)
      const to = fresh('conditional copy', 'conditions')
      await expect(backend.copy(from, to, {}, { ifMatch: '"other"' })).rejects.toMatchObject({ code: 'PreconditionFailed', status: 412 })
      await expect(backend.copy(from, to, {}, { ifNoneMatch: etag })).rejects.toMatchObject({ code: 'PreconditionFailed' })
      expect(await stored('conditions')).toEqual([])
      expect((await backend.copy(from, to, {}, { ifMatch: etag })).size).toBe(5)
    })

    describe('uploads in parts', () => {
      const part = (size: number) => randomBytes(size)

      test('are put together in order, and gone then', async () => {
        const of = fresh('in parts', 'parts')
        const uploadId = await backend.multipart.create(of, head)
        const [one, two, three] = [part(5 * MIB), part(5 * MIB), part(12)] as const
        const second = await backend.multipart.part(of, uploadId, 2, body(two), { maxSize: 6 * MIB, size: two.length })
        const third = await backend.multipart.part(of, uploadId, 10, body(three), { maxSize: 6 * MIB, size: three.length })
        await backend.multipart.part(of, uploadId, 1, body('is replaced'), { maxSize: 6 * MIB, size: 11 })
        const first = await backend.multipart.part(of, uploadId, 1, body(one), { maxSize: 6 * MIB, size: one.length })
        expect(first.etag.replaceAll('"', '')).toBe(md5(one))
        expect(await stored('parts')).toEqual([])
        const whole = Buffer.concat([one, two, three])
        const facts = await backend.multipart.complete(of, uploadId, [
          { number: 1, etag: first.etag },
          { number: 2, etag: `"${second.etag.replaceAll('"', '')}"` },
          { number: 10, etag: third.etag.replaceAll('"', '') },
        ])
        expect(facts).toMatchObject({ contentType: 'text/plain', cacheControl: 'max-age=60', size: whole.length })
        if (md5Etags) expect(facts.etag).toBe(`"${md5(whole)}"`)
        expect((await read(of)).bytes.equals(whole)).toBe(true)
        await expect(backend.multipart.part(of, uploadId, 3, body('late'), { maxSize: 10, size: 4 })).rejects.toMatchObject({
          code: 'NoSuchUpload',
        })
      })

      test('copy what is there already', async () => {
        const from = fresh('big source')
        const bytes = part(6 * MIB)
        await backend.put(from, body(bytes), head)
        const of = fresh('of copies', 'copied-parts')
        const uploadId = await backend.multipart.create(of, head)
        const first = await backend.multipart.partCopy(of, uploadId, 1, from)
        const second = await backend.multipart.partCopy(of, uploadId, 2, from, { start: 100, end: 1_099 })
        expect(first.etag.replaceAll('"', '')).toBe(md5(bytes))
        await expect(backend.multipart.partCopy(of, uploadId, 3, from, { start: 0, end: bytes.length })).rejects.toMatchObject({
          code: 'InvalidRange',
          status: 400,
        })
        await backend.multipart.complete(of, uploadId, [
          { number: 1, etag: first.etag },
          { number: 2, etag: second.etag },
        ])
        expect((await read(of)).bytes.equals(Buffer.concat([bytes, bytes.subarray(100, 1_100)]))).toBe(true)
      })

      test('refuse what was not sent', async () => {
        const of = fresh('refused parts', 'parts')
        const uploadId = await backend.multipart.create(of, head)
        const { etag } = await backend.multipart.part(of, uploadId, 1, body('one'), { maxSize: 10, size: 3 })
        await expect(backend.multipart.complete(of, uploadId, [{ number: 1, etag: md5(Buffer.from('other')) }])).rejects.toMatchObject({
          status: 400,
        })
        await expect(backend.multipart.complete(of, uploadId, [{ number: 2, etag }])).rejects.toMatchObject({ status: 400 })
        await expect(backend.multipart.part(of, uploadId, 2, body('eleven bytes'), { maxSize: 11, size: 12 })).rejects.toMatchObject({
          code: 'EntityTooLarge',
        })
        await expect(backend.multipart.part(of, uploadId, 2, body('short'), { maxSize: 11, size: 6 })).rejects.toMatchObject({
          code: 'InvalidRequest',
        })
        await expect(backend.head(of)).rejects.toMatchObject({ code: 'NoSuchKey' })
        expect(await backend.multipart.complete(of, uploadId, [{ number: 1, etag }])).toMatchObject({ size: 3 })
      })

      test('that are aborted are no more, and aborting again is no error', async () => {
        const of = fresh('aborted parts', 'parts')
        const uploadId = await backend.multipart.create(of, head)
        const { etag } = await backend.multipart.part(of, uploadId, 1, body('one'), { maxSize: 10, size: 3 })
        await backend.multipart.abort(of, uploadId)
        await backend.multipart.abort(of, uploadId)
        await expect(backend.multipart.complete(of, uploadId, [{ number: 1, etag }])).rejects.toMatchObject({ code: 'NoSuchUpload' })
        await expect(backend.multipart.part(of, uploadId, 1, body('one'), { maxSize: 10, size: 3 })).rejects.toMatchObject({
          code: 'NoSuchUpload',
        })
        await expect(backend.head(of)).rejects.toMatchObject({ code: 'NoSuchKey' })
      })

      test.each(['', 'no-id', '../../etc', randomUUID()])('of the id %j do not exist', async (uploadId) => {
        const of = fresh('no upload')
        await expect(backend.multipart.part(of, uploadId, 1, body('x'), { maxSize: 1, size: 1 })).rejects.toMatchObject({
          code: 'NoSuchUpload',
        })
        await expect(backend.multipart.complete(of, uploadId, [{ number: 1, etag: md5(Buffer.from('x')) }])).rejects.toMatchObject({
          code: 'NoSuchUpload',
        })
      })
    })

    test('many versions go at once', async () => {
      const many = Array.from({ length: 60 }, (_, index) => fresh(`many/${index % 7}/${index}`, 'many'))
      await Promise.all(many.map((of) => backend.put(of, body('x'), head)))
      expect(await stored('many')).toHaveLength(60)
      await backend.remove(many)
      expect(await stored('many')).toEqual([])
    })

    test('all buckets are walked when none is named', async () => {
      const of = fresh('in the walk', 'walked')
      await backend.put(of, body('here'), head)
      const found: StoredVersion[] = []
      for await (const version of backend.versions()) found.push(version)
      expect(found).toContainEqual({ ...of, size: 4, lastModified: expect.any(Date) })
    })

    test('a reader keeps what it reads while the version is removed', async () => {
      const of = fresh('read while removed')
      const bytes = randomBytes(2 * MIB)
      await backend.put(of, body(bytes), head)
      const { body: reading } = await backend.get(of)
      await backend.remove([of])
      expect((await buffer(reading as Readable)).equals(bytes)).toBe(true)
    })
  })
}
