// Compresses answers for clients that take it. Upstream: `compress`.

import type { Transform } from 'node:stream'
import * as zlib from 'node:zlib'
import { z } from 'zod'
import type { HeaderTable } from '../../header-table.ts'
import { type Answer, PassingAnswer } from '../answer.ts'
import { texts, whole } from '../config/types.ts'
import { defineMiddleware, MiddlewareError } from './middleware.ts'

const DEFAULT_MIN_BYTES = 1024
// What waits for more to be worth compressing goes out after this time, as upstream's flush interval has it.
const FLUSH_MS = 100

type Encoder = Transform & { flush(done?: () => void): void }
type Encoding = 'gzip' | 'br' | 'zstd'
const makeZstd = (zlib as unknown as { createZstdCompress?: () => zlib.Gzip }).createZstdCompress
const ENCODERS: ReadonlyMap<string, () => zlib.Gzip | zlib.BrotliCompress> = new Map<Encoding, () => zlib.Gzip | zlib.BrotliCompress>([
  ['gzip', () => zlib.createGzip()],
  // The quality of a response that is made while somebody waits.
  ['br', () => zlib.createBrotliCompress({ params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } })],
  // Node has it from 22.15 on; before that it is not offered.
  ...(makeZstd ? [['zstd', makeZstd] as [Encoding, () => zlib.Gzip]] : []),
])

export const compress = defineMiddleware({
  name: 'compress',
  config: z.object({
    excludedContentTypes: texts.default([]),
    includedContentTypes: texts.default([]),
    minResponseBodyBytes: whole.default(0),
    encodings: texts.default(['gzip', 'br', 'zstd']),
    defaultEncoding: z.string().default(''),
  }),
  build({ excludedContentTypes, includedContentTypes, minResponseBodyBytes, encodings, defaultEncoding }) {
    if (excludedContentTypes.length > 0 && includedContentTypes.length > 0)
      throw new MiddlewareError('excludedContentTypes and includedContentTypes options are mutually exclusive')
    if (encodings.length === 0) throw new MiddlewareError('at least one encoding must be specified')
    const unknown = encodings.find((encoding) => !['gzip', 'br', 'zstd'].includes(encoding))
    if (unknown !== undefined) throw new MiddlewareError(`unsupported encoding: ${unknown}`)
    if (defaultEncoding !== '' && !encodings.includes(defaultEncoding))
      throw new MiddlewareError(`unsupported default encoding: ${defaultEncoding}`)
    const offered = encodings.filter((encoding) => ENCODERS.has(encoding))
    const excluded = new Set(['application/grpc', ...excludedContentTypes.map(mediaType)])
    const included = includedContentTypes.length > 0 ? new Set(includedContentTypes.map(mediaType)) : undefined
    const takes = (type: string) => (included ? included.has(type) : !excluded.has(type))
    const minBytes = minResponseBodyBytes > 0 ? minResponseBodyBytes : DEFAULT_MIN_BYTES
    return (next) => (flight, answer) => {
      const accept = flight.headers.has('accept-encoding') ? flight.headers.all('accept-encoding') : undefined
      const chosen = accept === undefined ? defaultEncoding : chooseEncoding(accept, offered, defaultEncoding)
      if (flight.method === 'HEAD' || excluded.has(mediaType(flight.headers.get('content-type') ?? '')) || !ENCODERS.has(chosen))
        return next(flight, answer)
      return next(flight, new Compressing(answer, chosen, takes, minBytes))
    }
  },
})

const mediaType = (value: string): string => value.split(';', 1)[0]!.trim().toLowerCase()

/** The encoding that the client wants most; `identity` or nothing leaves the answer as it is. */
export function chooseEncoding(accept: readonly string[], offered: readonly string[], fallback: string): string {
  const rank = (name: string) => (name === '*' ? -1 : name === 'identity' ? offered.length : offered.indexOf(name))
  const wanted = accept
    .flatMap((line) => line.replaceAll(' ', '').split(','))
    .map((item) => {
      const [name = '', parameter = ''] = item.split(';')
      return { name, weight: parameter.startsWith('q=') ? Number(parameter.slice(2)) || 0 : 1 }
    })
    .filter(({ name, weight }) => weight > 0 && (name === '*' || name === 'identity' || offered.includes(name)))
    .sort((a, b) => b.weight - a.weight || rank(a.name) - rank(b.name))
  const first = wanted[0]?.name ?? ''
  return first === '*' ? fallback || offered[0]! : first
}

class Compressing extends PassingAnswer {
  readonly #encoding: string
  readonly #takes: (type: string) => boolean
  readonly #minBytes: number
  #mode: 'undecided' | 'plain' | 'compressed' = 'undecided'
  #status = 200
  #headers: HeaderTable | undefined
  #kept: Buffer[] = []
  #keptBytes = 0
  #streams = false
  #encoder: Encoder | undefined
  #timer: NodeJS.Timeout | undefined
  #waiting: (() => void)[] = []
  #trailers: readonly [string, string][] | undefined

  constructor(next: Answer, encoding: string, takes: (type: string) => boolean, minBytes: number) {
    super(next)
    this.#encoding = encoding
    this.#takes = takes
    this.#minBytes = minBytes
    next.onClose(() => {
      clearTimeout(this.#timer)
      this.#encoder?.destroy()
    })
  }

  override head(status: number, headers: HeaderTable): void {
    this.#status = status
    this.#headers = headers
    const length = headers.get('content-length')
    this.#streams = length === undefined
    const type = headers.get('content-type')
    const takes = !headers.has('content-encoding') && !headers.has('content-range') && (type === undefined || this.#takes(mediaType(type)))
    if (takes && status !== 101) addVary(headers)
    if (!takes || status < 200 || status === 204 || status === 304 || (length !== undefined && Number(length) < this.#minBytes))
      this.#pass()
  }

  override write(chunk: Buffer): boolean {
    if (this.#mode === 'plain') return this.next.write(chunk)
    if (this.#mode === 'compressed') return this.#compress(chunk)
    this.#kept.push(chunk)
    this.#keptBytes += chunk.length
    if (this.#keptBytes >= this.#minBytes) this.#begin()
    else this.#timer ??= setTimeout(() => this.#begin(), FLUSH_MS)
    return true
  }

  override end(trailers?: readonly [string, string][]): void {
    clearTimeout(this.#timer)
    if (this.#mode === 'compressed') {
      this.#trailers = trailers
      this.#encoder!.end()
      return
    }
    if (this.#mode === 'undecided') this.#pass()
    this.next.end(trailers)
  }

  override abort(): void {
    clearTimeout(this.#timer)
    this.#encoder?.destroy()
    this.next.abort()
  }

  override onDrain(listener: () => void): void {
    if (this.#mode === 'compressed') this.#waiting.push(listener)
    else this.next.onDrain(listener)
  }

  override get begun(): boolean {
    return this.#headers !== undefined || this.next.begun
  }

  #pass(): void {
    this.#mode = 'plain'
    this.next.head(this.#status, this.#headers!)
    for (const chunk of this.#kept) this.next.write(chunk)
    this.#kept = []
  }

  #begin(): void {
    clearTimeout(this.#timer)
    if (this.#mode !== 'undecided' || !this.#headers) return
    this.#mode = 'compressed'
    const headers = this.#headers
    headers.remove('content-length')
    headers.remove('accept-ranges')
    headers.set('Content-Encoding', this.#encoding)
    // Another body than the one that a strong tag names.
    const tag = headers.get('etag')
    if (tag?.startsWith('"')) headers.set('ETag', `W/${tag}`)
    this.next.head(this.#status, headers)
    const encoder = ENCODERS.get(this.#encoding)!() as unknown as Encoder
    this.#encoder = encoder
    encoder.on('data', (piece: Buffer) => {
      if (this.next.write(piece)) return
      encoder.pause()
      this.next.onDrain(() => encoder.resume())
    })
    encoder.on('drain', () => {
      for (const listener of this.#waiting.splice(0)) listener()
    })
    encoder.once('end', () => this.next.end(this.#trailers))
    encoder.once('error', () => this.next.abort())
    const kept = Buffer.concat(this.#kept)
    this.#kept = []
    this.#compress(kept)
  }

  #compress(chunk: Buffer): boolean {
    const encoder = this.#encoder!
    if (encoder.destroyed) return true
    const more = encoder.write(chunk)
    // An answer without a length comes piece by piece: so does what goes on.
    if (this.#streams) encoder.flush()
    return more
  }
}

function addVary(headers: HeaderTable): void {
  const lines = headers.has('vary') ? headers.all('vary') : []
  if (!lines.some((line) => /(?:^|,)\s*(?:accept-encoding|\*)\s*(?:,|$)/i.test(line))) headers.append('Vary', 'Accept-Encoding')
}
