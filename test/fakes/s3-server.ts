// An S3 server for tests, in memory: what the S3 backend asks of one, with the answers and refusals of MinIO. It checks what it is sent:
// that requests are signed for it, that lengths and checksums of bodies hold.
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { crc32 } from 'node:zlib'

interface Stored {
  readonly bytes: Buffer
  readonly type: string
  readonly cacheControl: string | undefined
  readonly etag: string
  readonly modified: Date
}

interface Pending {
  readonly key: string
  readonly head: Pick<Stored, 'type' | 'cacheControl'>
  readonly parts: Map<number, { bytes: Buffer; etag: string }>
  readonly begun: Date
}

export interface FakeS3 extends AsyncDisposable {
  readonly endpoint: string
  /** Keys that are there, in order. */
  keys(): string[]
  /** Ids of uploads that were begun and neither completed nor aborted. */
  uploads(): string[]
  /** Called before each request is answered; what it throws (an S3 error code) is the answer. */
  intercept: ((operation: string, key: string) => void | Promise<void>) | undefined
}

class Refusal extends Error {
  readonly status: number
  readonly code: string
  constructor(status: number, code: string) {
    super(code)
    this.status = status
    this.code = code
  }
}

const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex')
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
const plain = (text: string) =>
  text
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&apos;', "'")
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
const element = (name: string, content: string) => `<${name}>${content}</${name}>`
/** Contents of all elements of a name, in a document without attributes. */
const all = (xml: string, name: string) =>
  [...xml.matchAll(new RegExp(`<${name}>([\\s\\S]*?)</${name}>`, 'g'))].map(([, content]) => content!)

/** One bucket, called as given; one access key. */
export async function startS3(bucket: string, accessKeyId = 'key'): Promise<FakeS3> {
  const objects = new Map<string, Stored>()
  const uploads = new Map<string, Pending>()
  const fake: FakeS3 = {
    endpoint: '',
    keys: () => [...objects.keys()].toSorted(),
    uploads: () => [...uploads.keys()],
    intercept: undefined,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  const server = createServer((req, res) => {
    answer(req, res).catch((error: unknown) => {
      if (res.headersSent) return res.destroy()
      const { status, code } = error instanceof Refusal ? error : new Refusal(500, 'InternalError')
      const xml = `<?xml version="1.0" encoding="UTF-8"?>\n${element('Error', element('Code', code) + element('Message', String(error)))}`
      res.writeHead(status, { 'content-type': 'application/xml', 'content-length': req.method === 'HEAD' ? 0 : Buffer.byteLength(xml) })
      res.end(req.method === 'HEAD' ? undefined : xml)
      // What is left of the body has no reader.
      req.resume()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  Object.assign(fake, { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })

  const there = (key: string): Stored => {
    const found = objects.get(key)
    if (!found) throw new Refusal(404, 'NoSuchKey')
    return found
  }
  const pending = (id: string, key: string): Pending => {
    const found = uploads.get(id)
    if (found?.key !== key) throw new Refusal(404, 'NoSuchUpload')
    return found
  }
  const save = (key: string, bytes: Buffer, { type, cacheControl }: Pick<Stored, 'type' | 'cacheControl'>, etag = `"${md5(bytes)}"`) => {
    const stored: Stored = { bytes, type, cacheControl, etag, modified: new Date() }
    objects.set(key, stored)
    return stored
  }
  const headOf = (req: IncomingMessage) => ({
    type: req.headers['content-type'] ?? 'binary/octet-stream',
    cacheControl: req.headers['cache-control'],
  })
  const source = (req: IncomingMessage): Stored => {
    const [, from, key] = /^\/?([^/]+)\/(.*)$/.exec(decodeURIComponent(String(req.headers['x-amz-copy-source']))) ?? []
    if (from !== bucket || key === undefined) throw new Refusal(404, 'NoSuchBucket')
    const found = there(key)
    const { 'x-amz-copy-source-if-match': match, 'x-amz-copy-source-if-none-match': none } = req.headers
    if ((match !== undefined && match !== found.etag) || (none !== undefined && none === found.etag))
      throw new Refusal(412, 'PreconditionFailed')
    return found
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? '/', 'http://host')
    const query = url.searchParams
    const [, named = '', ...rest] = url.pathname.split('/')
    const key = rest.map(decodeURIComponent).join('/')
    signed(req, query, accessKeyId)
    if (decodeURIComponent(named) !== bucket) throw new Refusal(404, 'NoSuchBucket')
    const operation = `${req.method} ${[...query.keys()]
      .filter((name) => !/^x-amz-/i.test(name) && name !== 'x-id')
      .toSorted()
      .join('&')}`.trim()
    await fake.intercept?.(operation, key)
    const xml = (name: string, content: string) => {
      const text = `<?xml version="1.0" encoding="UTF-8"?>\n<${name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${name}>`
      res.writeHead(200, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(text) }).end(text)
    }
    switch (operation) {
      case 'PUT': {
        if (req.headers['x-amz-copy-source'] !== undefined) {
          const from = source(req)
          const saved = save(key, from.bytes, req.headers['x-amz-metadata-directive'] === 'REPLACE' ? headOf(req) : from)
          return xml('CopyObjectResult', element('ETag', escaped(saved.etag)) + element('LastModified', saved.modified.toISOString()))
        }
        const { etag } = save(key, await bodyOf(req), headOf(req))
        res.writeHead(200, { etag, 'content-length': 0 }).end()
        return
      }
      case 'GET':
      case 'HEAD': {
        const found = there(key)
        const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(req.headers.range ?? '') ?? []
        const [start, end] = from === undefined ? [0, found.bytes.length] : [Number(from), Math.min(Number(to) + 1, found.bytes.length)]
        res.writeHead(from === undefined ? 200 : 206, {
          'content-type': found.type,
          ...(found.cacheControl !== undefined && { 'cache-control': found.cacheControl }),
          etag: found.etag,
          'last-modified': found.modified.toUTCString(),
          'content-length': end - start,
          ...(from !== undefined && { 'content-range': `bytes ${start}-${end - 1}/${found.bytes.length}` }),
        })
        res.end(req.method === 'GET' ? found.bytes.subarray(start, end) : undefined)
        return
      }
      case 'POST delete': {
        const keys = all(String(await bodyOf(req)), 'Key').map(plain)
        if (keys.length > 1_000) throw new Refusal(400, 'MalformedXML')
        for (const each of keys) objects.delete(each)
        return xml('DeleteResult', '')
      }
      case 'POST uploads': {
        const id = randomUUID()
        uploads.set(id, { key, head: headOf(req), parts: new Map(), begun: new Date() })
        return xml('InitiateMultipartUploadResult', element('UploadId', id))
      }
      case 'PUT partNumber&uploadId': {
        const upload = pending(query.get('uploadId') ?? '', key)
        const number = Number(query.get('partNumber'))
        const copied = req.headers['x-amz-copy-source'] !== undefined
        let bytes = copied ? source(req).bytes : await bodyOf(req)
        const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(String(req.headers['x-amz-copy-source-range'] ?? '')) ?? []
        if (copied && start !== undefined) bytes = bytes.subarray(Number(start), Number(end) + 1)
        const etag = `"${md5(bytes)}"`
        upload.parts.set(number, { bytes, etag })
        if (copied) return xml('CopyPartResult', element('ETag', escaped(etag)) + element('LastModified', new Date().toISOString()))
        res.writeHead(200, { etag, 'content-length': 0 }).end()
        return
      }
      case 'POST uploadId': {
        const id = query.get('uploadId') ?? ''
        const upload = pending(id, key)
        const wanted = all(String(await bodyOf(req)), 'Part').map((part) => ({
          number: Number(all(part, 'PartNumber')[0]),
          etag: plain(all(part, 'ETag')[0] ?? ''),
        }))
        const parts = wanted.map(({ number, etag }) => {
          const part = upload.parts.get(number)
          if (part?.etag !== etag) throw new Refusal(400, 'InvalidPart')
          return part
        })
        if (parts.slice(0, -1).some(({ bytes }) => bytes.length < 5_242_880)) throw new Refusal(400, 'EntityTooSmall')
        const digests = Buffer.from(parts.map(({ etag }) => etag.replaceAll('"', '')).join(''), 'hex')
        const { etag } = save(key, Buffer.concat(parts.map(({ bytes }) => bytes)), upload.head, `"${md5(digests)}-${parts.length}"`)
        uploads.delete(id)
        return xml('CompleteMultipartUploadResult', element('ETag', escaped(etag)))
      }
      case 'DELETE uploadId':
        if (!uploads.delete(query.get('uploadId') ?? '')) throw new Refusal(404, 'NoSuchUpload')
        res.writeHead(204).end()
        return
      case 'GET prefix&uploads':
        return xml(
          'ListMultipartUploadsResult',
          element('IsTruncated', 'false') +
            [...uploads]
              .filter(([, upload]) => upload.key.startsWith(query.get('prefix') ?? ''))
              .map(([id, upload]) =>
                element(
                  'Upload',
                  element('UploadId', id) + element('Key', escaped(upload.key)) + element('Initiated', upload.begun.toISOString()),
                ),
              )
              .join(''),
        )
      case 'GET list-type&prefix':
      case 'GET continuation-token&list-type&prefix': {
        const after = query.get('continuation-token') ?? ''
        const found = fake.keys().filter((each) => each.startsWith(query.get('prefix') ?? '') && each > after)
        // Small pages, so that they are turned.
        const page = found.slice(0, 7)
        const content = page.map((each) => {
          const { bytes, modified } = there(each)
          return element(
            'Contents',
            element('Key', escaped(each)) + element('Size', String(bytes.length)) + element('LastModified', modified.toISOString()),
          )
        })
        const more = found.length > page.length
        return xml(
          'ListBucketResult',
          element('IsTruncated', String(more)) + (more ? element('NextContinuationToken', escaped(page.at(-1)!)) : '') + content.join(''),
        )
      }
    }
    throw new Refusal(501, 'NotImplemented')
  }
  return fake
}

function signed(req: IncomingMessage, query: URLSearchParams, accessKeyId: string): void {
  const credential =
    query.get('X-Amz-Credential') ??
    /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=[^,]*\bhost\b[^,]*, ?Signature=[0-9a-f]{64}$/.exec(
      req.headers.authorization ?? '',
    )?.[1]
  if (!credential || !new RegExp(`^${accessKeyId}/\\d{8}/us-east-1/s3/aws4_request$`).test(credential))
    throw new Refusal(403, 'AccessDenied')
}

async function bodyOf(req: IncomingMessage): Promise<Buffer> {
  const sent = await buffer(req)
  const trailers: Record<string, string> = {}
  const bytes = req.headers['content-encoding']?.includes('aws-chunked') ? unchunked(sent, trailers) : sent
  const length = req.headers['x-amz-decoded-content-length'] ?? req.headers['content-length']
  if (Number(length) !== bytes.length) throw new Refusal(400, 'IncompleteBody')
  const sum = trailers['x-amz-checksum-crc32'] ?? req.headers['x-amz-checksum-crc32']
  if (typeof sum === 'string') {
    const found = Buffer.alloc(4)
    found.writeUInt32BE(crc32(bytes))
    if (found.toString('base64') !== sum) throw new Refusal(400, 'XAmzContentChecksumMismatch')
  }
  return bytes
}

/** `size\r\nbytes\r\n ... 0\r\nname: value\r\n\r\n` */
function unchunked(sent: Buffer, trailers: Record<string, string>): Buffer {
  const chunks: Buffer[] = []
  for (let at = 0; ; ) {
    const line = sent.indexOf('\r\n', at)
    const size = Number.parseInt(sent.toString('latin1', at, line), 16)
    if (line < 0 || Number.isNaN(size)) throw new Refusal(400, 'IncompleteBody')
    if (size === 0) {
      for (const text of sent.toString('latin1', line + 2).split('\r\n')) {
        const colon = text.indexOf(':')
        if (colon > 0) trailers[text.slice(0, colon).toLowerCase()] = text.slice(colon + 1).trim()
      }
      return Buffer.concat(chunks)
    }
    chunks.push(sent.subarray(line + 2, line + 2 + size))
    at = line + 2 + size + 2
  }
}
