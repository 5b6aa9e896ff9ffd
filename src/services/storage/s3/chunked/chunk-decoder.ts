// Takes an aws-chunked body apart: pieces of data go out as they come in, signatures are checked in chain, the trailer is read. Holds no
// more than one line of a header, or a bounded trailer, whatever sizes the chunks have.
// Grammar: AWS's sigv4-streaming and sigv4-streaming-trailers pages; the bounds are upstream's.
import { createHash, type Hash } from 'node:crypto'
import { errors } from '../../errors.ts'
import { refusals } from '../refusals.ts'
import { EMPTY_HASH, type SigningKey, sha256 } from '../signature/signing-key.ts'

export interface ChunkSeal {
  readonly key: SigningKey
  readonly time: string
  /** Of the request: the chain begins with it. */
  readonly signature: string
}

export interface ChunkRules {
  /** Undefined where chunks are not signed. */
  readonly seal: ChunkSeal | undefined
  /** Names in lower case that the trailer may hold; undefined where there is no trailer. */
  readonly trailer: ReadonlySet<string> | undefined
}

/** A header line: 16 digits, `;chunk-signature=` and 64 more would be 98. */
const MAX_LINE_BYTES = 256
const MAX_TRAILER_BYTES = 8 * 1024
/** Of a signed chunk, as upstream has it. Unsigned ones may be as long as the body: Go's SDK sends one. */
const MAX_SIGNED_CHUNK_BYTES = 8 * 1024 * 1024
const MAX_CHUNK_BYTES = 2 ** 53

const LF = 0x0a
const CR = 0x0d

type State = 'header' | 'data' | 'footer' | 'trailer' | 'end'

export class ChunkDecoder {
  readonly #rules: ChunkRules
  #state: State = 'header'
  #line: Buffer[] = []
  #lineBytes = 0
  #left = 0
  #last = false
  #signature = ''
  #previous: string
  #hash: Hash | undefined
  #trailerBytes = 0
  #trailerText = ''
  #trailer = new Map<string, string>()

  constructor(rules: ChunkRules) {
    this.#rules = rules
    this.#previous = rules.seal?.signature ?? ''
  }

  /** What the trailer said; complete after `end`. */
  get trailer(): ReadonlyMap<string, string> {
    return this.#trailer
  }

  /** Gives each piece of data to `emit` as it comes. Throws for a chunk that is malformed or whose signature does not fit. */
  write(input: Buffer, emit: (data: Buffer) => void): void {
    let at = 0
    while (at < input.length) {
      if (this.#state === 'data') at += this.#takeData(input.subarray(at), emit)
      else at = this.#takeLine(input, at)
    }
  }

  /** No more input comes. Throws where the body was cut. */
  end(): void {
    // The empty line behind the last chunk may be left out.
    if (this.#state === 'footer' && this.#last && this.#lineBytes === 0) this.#state = 'end'
    if (this.#state === 'trailer' && this.#lineBytes === 0 && this.#trailerBytes > 0) this.#finishTrailer()
    if (this.#state !== 'end') throw refusals.incompleteBody()
  }

  #takeData(input: Buffer, emit: (data: Buffer) => void): number {
    const data = input.length > this.#left ? input.subarray(0, this.#left) : input
    this.#left -= data.length
    this.#hash?.update(data)
    if (data.length > 0) emit(data)
    if (this.#left === 0) {
      this.#checkChunk()
      this.#state = 'footer'
    }
    return data.length
  }

  /** Lines end with CRLF; a bare LF is taken too, as AWS's own examples of trailers have it. */
  #takeLine(input: Buffer, from: number): number {
    if (this.#state === 'end') throw refusals.malformedChunks('data after the final chunk')
    const found = input.indexOf(LF, from)
    const piece = input.subarray(from, found < 0 ? input.length : found)
    this.#lineBytes += piece.length
    const limit = this.#state === 'trailer' ? MAX_TRAILER_BYTES : MAX_LINE_BYTES
    if (this.#lineBytes > limit) throw refusals.malformedChunks('a line is too long')
    if (found < 0) {
      this.#line.push(Buffer.from(piece))
      return input.length
    }
    const whole = this.#line.length === 0 ? piece : Buffer.concat([...this.#line, piece])
    this.#line = []
    this.#lineBytes = 0
    this.#readLine((whole.at(-1) === CR ? whole.subarray(0, -1) : whole).toString('latin1'))
    return found + 1
  }

  #readLine(line: string): void {
    if (this.#state === 'header') this.#readHeader(line)
    else if (this.#state === 'footer') this.#readFooter(line)
    else this.#readTrailer(line)
  }

  #readHeader(line: string): void {
    const found = /^([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-fA-F]{64}))?$/.exec(line)
    if (found === null) throw refusals.malformedChunks('invalid chunk header')
    const size = Number.parseInt(found[1]!, 16)
    const { seal } = this.#rules
    if (seal && found[2] === undefined) throw refusals.malformedChunks('missing chunk signature')
    if (size > (seal ? MAX_SIGNED_CHUNK_BYTES : MAX_CHUNK_BYTES)) throw errors.entityTooLarge('chunk')
    this.#signature = found[2]?.toLowerCase() ?? ''
    this.#left = size
    this.#last = size === 0
    if (!this.#last) {
      this.#hash = seal && createHash('sha256')
      this.#state = 'data'
      return
    }
    this.#hash = undefined
    this.#checkChunk()
    this.#state = this.#rules.trailer ? 'trailer' : 'footer'
  }

  #readFooter(line: string): void {
    if (line !== '') throw refusals.malformedChunks('a chunk is longer than it says')
    this.#state = this.#last ? 'end' : 'header'
  }

  #checkChunk(): void {
    const { seal } = this.#rules
    if (!seal) return
    const hash = this.#hash?.digest('hex') ?? EMPTY_HASH
    const text = `AWS4-HMAC-SHA256-PAYLOAD\n${seal.time}\n${seal.key.scope}\n${this.#previous}\n${EMPTY_HASH}\n${hash}`
    if (!seal.key.verifies(text, this.#signature)) throw errors.signatureDoesNotMatch()
    this.#previous = this.#signature
  }

  #readTrailer(line: string): void {
    this.#trailerBytes += line.length + 2
    if (this.#trailerBytes > MAX_TRAILER_BYTES) throw refusals.malformedTrailer('it is too long')
    if (line !== '') {
      this.#readTrailerField(line)
      return
    }
    // Between the fields and their signature some clients leave a line empty.
    const awaited = this.#rules.seal && !this.#trailer.has(TRAILER_SIGNATURE)
    if (awaited && this.#trailer.size > 0) return
    this.#finishTrailer()
  }

  #readTrailerField(line: string): void {
    const at = line.indexOf(':')
    const name = line.slice(0, at).trim().toLowerCase()
    const value = line.slice(at + 1).trim()
    if (at < 1) throw refusals.malformedTrailer('a line is no header')
    if (this.#trailer.has(name)) throw refusals.malformedTrailer('a name comes twice')
    if (name !== TRAILER_SIGNATURE) {
      if (!this.#rules.trailer!.has(name)) throw refusals.malformedTrailer('a name was not announced')
      this.#trailerText += `${name}:${value}\n`
    }
    this.#trailer.set(name, value)
  }

  #finishTrailer(): void {
    const { seal, trailer } = this.#rules
    for (const name of trailer!) if (!this.#trailer.has(name)) throw refusals.malformedTrailer('an announced name is missing')
    if (seal) {
      const text = `AWS4-HMAC-SHA256-TRAILER\n${seal.time}\n${seal.key.scope}\n${this.#previous}\n${sha256(this.#trailerText)}`
      const signature = this.#trailer.get(TRAILER_SIGNATURE)?.toLowerCase() ?? ''
      if (!seal.key.verifies(text, signature)) throw errors.signatureDoesNotMatch()
    }
    this.#state = 'end'
  }
}

const TRAILER_SIGNATURE = 'x-amz-trailer-signature'
