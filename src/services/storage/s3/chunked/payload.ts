// The body of an upload, as it is to be stored: taken out of its chunks, counted, and checked against everything that the client said of it.
// A check that fails is an error before the end of the stream, so whoever stores it keeps nothing.
import { createHash, type Hash } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Transform, type TransformCallback } from 'node:stream'
import { errors } from '../../errors.ts'
import { refusals } from '../refusals.ts'
import type { Claim } from '../signature/claim.ts'
import type { SigningKey } from '../signature/signing-key.ts'
import { agrees, type Checksum, checksumFor, isChecksum } from './checksum.ts'
import { ChunkDecoder, type ChunkRules } from './chunk-decoder.ts'

export interface PayloadRules {
  readonly chunks: ChunkRules | undefined
  /** Bytes without the chunks' frames, where the client says so. */
  readonly size: number | undefined
  /** Hex. */
  readonly sha256: string | undefined
  /** By header, base64. */
  readonly checksums: ReadonlyMap<string, string>
}

const STREAMING = 'STREAMING-'
const MODES: ReadonlyMap<string, { signed: boolean; trailer: boolean }> = new Map([
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', { signed: true, trailer: false }],
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', { signed: true, trailer: true }],
  ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', { signed: false, trailer: true }],
])

/** What the verified request says of its body. `claim` is undefined where the file is in a form. */
export function payloadRules(claim: Claim, key: SigningKey, headers: IncomingHttpHeaders): PayloadRules {
  const declared = headers['x-amz-content-sha256'] ?? claim.payload
  const hash = typeof declared === 'string' ? declared : undefined
  const chunked = hash?.startsWith(STREAMING) ?? false
  return {
    chunks: chunked ? chunkRules(hash!, claim, key, headers) : undefined,
    size: lengthOf(headers[chunked ? 'x-amz-decoded-content-length' : 'content-length']),
    sha256: hash !== undefined && /^[0-9a-f]{64}$/i.test(hash) ? hash.toLowerCase() : undefined,
    checksums: declaredChecksums(headers),
  }
}

function chunkRules(mode: string, claim: Claim, key: SigningKey, headers: IncomingHttpHeaders): ChunkRules {
  const known = MODES.get(mode)
  if (!known) throw refusals.notImplemented(`x-amz-content-sha256 ${mode}`)
  // What a URL signs is not the chunks: their chain begins with the signature of a header.
  if (known.signed && claim.from !== 'header') throw errors.invalidSignature('Signed chunks need a signed header')
  const announced = String(headers['x-amz-trailer'] ?? '')
  const names = announced
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (names.length > 16) throw refusals.malformedTrailer('too many names')
  return {
    seal: known.signed ? { key, time: claim.time, signature: claim.signature } : undefined,
    trailer: known.trailer ? new Set(names) : undefined,
  }
}

function declaredChecksums(headers: IncomingHttpHeaders): Map<string, string> {
  const checksums = new Map<string, string>()
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string' || !isChecksum(name)) continue
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(value)) throw refusals.invalidDigest(name === 'content-md5' ? 'Content-MD5' : name)
    checksums.set(name, value)
  }
  return checksums
}

export function lengthOf(header: string | string[] | undefined): number | undefined {
  return typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : undefined
}

export class PayloadStream extends Transform {
  readonly #rules: PayloadRules
  readonly #decoder: ChunkDecoder | undefined
  readonly #sha256: Hash | undefined
  readonly #checksums = new Map<string, Checksum>()
  #bytes = 0

  constructor(rules: PayloadRules) {
    super()
    this.#rules = rules
    this.#decoder = rules.chunks && new ChunkDecoder(rules.chunks)
    this.#sha256 = rules.sha256 === undefined ? undefined : createHash('sha256')
    for (const name of [...rules.checksums.keys(), ...(rules.chunks?.trailer ?? [])]) {
      const checksum = checksumFor(name)
      if (checksum) this.#checksums.set(name, checksum)
    }
  }

  override _transform(input: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      if (this.#decoder) this.#decoder.write(input, (data) => this.#pass(data))
      else this.#pass(input)
      done()
    } catch (error) {
      done(error as Error)
    }
  }

  override _flush(done: TransformCallback): void {
    try {
      this.#decoder?.end()
      this.#check()
      done()
    } catch (error) {
      done(error as Error)
    }
  }

  #pass(data: Buffer): void {
    this.#bytes += data.length
    if (this.#rules.size !== undefined && this.#bytes > this.#rules.size) throw refusals.incompleteBody()
    this.#sha256?.update(data)
    for (const checksum of this.#checksums.values()) checksum.update(data)
    this.push(data)
  }

  #check(): void {
    const { size, sha256, checksums } = this.#rules
    if (size !== undefined && this.#bytes !== size) throw refusals.incompleteBody()
    if (this.#sha256 && this.#sha256.digest('hex') !== sha256) throw refusals.contentHashMismatch()
    for (const [name, checksum] of this.#checksums) {
      const said = checksums.get(name) ?? this.#decoder?.trailer.get(name) ?? ''
      if (!agrees(checksum, said)) throw refusals.badDigest(name === 'content-md5' ? 'Content-MD5' : name)
    }
  }
}

/**
 * The request's body through `rules`. A client that goes away is an error of the stream. A check that fails leaves the request as it is, so
 * that it can be answered; what it still sends is the answerer's to throw away.
 */
export function payloadOf(request: IncomingMessage, rules: PayloadRules): PayloadStream {
  const stream = new PayloadStream(rules)
  const gone = () => {
    if (!request.complete) stream.destroy(errors.aborted())
  }
  request.once('error', gone).once('close', gone)
  stream.once('close', () => {
    request.off('error', gone).off('close', gone)
    request.unpipe(stream)
  })
  // A listener of the stream's own: it may fail before anybody has begun to read it.
  stream.on('error', () => {})
  if (request.destroyed && !request.complete) gone()
  else request.pipe(stream)
  return stream
}
