// Where an answer goes. The client is the outermost place; a middleware that changes answers stands before it.
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { HeaderTable } from '../header-table.ts'
import { JoinedAnswer } from '../proxy/joined-answer.ts'
import type { Upgrade } from './flight.ts'

export interface Answer {
  /** The head, once. 101 is written by the tunnel itself: its headers alone pass here. */
  head(status: number, headers: HeaderTable): void
  /** False asks to wait for `onDrain`. */
  write(chunk: Buffer): boolean
  end(trailers?: readonly [string, string][]): void
  /** What was begun cannot be brought to its end: the client sees a broken connection. */
  abort(): void
  /** Once, when more may be written. */
  onDrain(listener: () => void): void
  /** Once, when the answer is over or the client has gone. Returns what takes the listener off. */
  onClose(listener: () => void): () => void
  /** A head has gone out. */
  readonly begun: boolean
  /** Nobody listens any more. */
  readonly closed: boolean
}

/** A place before another one, which it passes everything on to; middlewares override what they change. */
export class PassingAnswer implements Answer {
  protected readonly next: Answer
  constructor(next: Answer) {
    this.next = next
  }
  head(status: number, headers: HeaderTable): void {
    this.next.head(status, headers)
  }
  write(chunk: Buffer): boolean {
    return this.next.write(chunk)
  }
  end(trailers?: readonly [string, string][]): void {
    this.next.end(trailers)
  }
  abort(): void {
    this.next.abort()
  }
  onDrain(listener: () => void): void {
    this.next.onDrain(listener)
  }
  onClose(listener: () => void): () => void {
    return this.next.onClose(listener)
  }
  get begun(): boolean {
    return this.next.begun
  }
  get closed(): boolean {
    return this.next.closed
  }
}

/** Changes the head alone. */
export class HeadAnswer extends PassingAnswer {
  readonly #change: (headers: HeaderTable, status: number) => void
  constructor(next: Answer, change: (headers: HeaderTable, status: number) => void) {
    super(next)
    this.#change = change
  }
  override head(status: number, headers: HeaderTable): void {
    this.#change(headers, status)
    this.next.head(status, headers)
  }
}

/** The client's own response. */
export class ClientAnswer implements Answer {
  readonly res: ServerResponse
  readonly #upgrade: Upgrade | undefined
  readonly #out: JoinedAnswer
  status = 0
  bytes = 0
  headers: HeaderTable | undefined

  constructor(res: ServerResponse, upgrade: Upgrade | undefined) {
    this.res = res
    this.#upgrade = upgrade
    this.#out = new JoinedAnswer(res)
  }

  head(status: number, headers: HeaderTable): void {
    if (this.begun) return
    this.status = status
    this.headers = headers
    if (status === 101) return
    // An upgrade that turned out to be an ordinary answer.
    if (this.#upgrade && !this.res.socket && !this.#upgrade.socket.destroyed) this.res.assignSocket(this.#upgrade.socket as Socket)
    this.#out.head(status, headers.toRaw())
  }

  write(chunk: Buffer): boolean {
    this.bytes += chunk.length
    return this.#out.write(chunk)
  }

  end(trailers?: readonly [string, string][]): void {
    this.#out.end(trailers)
  }

  abort(): void {
    this.res.destroy()
    this.#upgrade?.socket.destroy()
  }

  onDrain(listener: () => void): void {
    this.res.once('drain', listener)
  }

  onClose(listener: () => void): () => void {
    const emitter = this.#upgrade ? this.#upgrade.socket : this.res
    emitter.once('close', listener)
    return () => emitter.off('close', listener)
  }

  get begun(): boolean {
    return this.res.headersSent || this.status === 101
  }

  get closed(): boolean {
    return this.#upgrade ? this.#upgrade.socket.destroyed : this.res.destroyed || this.res.writableFinished
  }
}

/** Gathers an answer of a request that the gateway itself makes, within a bound. */
export class GatheredAnswer implements Answer {
  readonly done: Promise<Gathered>
  readonly #maxBytes: number
  #resolve!: (gathered: Gathered) => void
  #reject!: (error: Error) => void
  #status = 0
  #table = HeaderTable.empty()
  readonly #pieces: Buffer[] = []
  #bytes = 0
  #over = false
  readonly #closers = new Set<() => void>()

  constructor(maxBytes = Number.POSITIVE_INFINITY) {
    this.#maxBytes = maxBytes
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  head(status: number, headers: HeaderTable): void {
    this.#status = status
    this.#table = headers
  }
  write(chunk: Buffer): boolean {
    if (this.#over) return true
    this.#bytes += chunk.length
    if (this.#bytes > this.#maxBytes) this.#finish(() => this.#reject(new AnswerTooLarge('the answer is larger than allowed')))
    else this.#pieces.push(chunk)
    return true
  }
  end(): void {
    this.#finish(() => this.#resolve({ status: this.#status, headers: this.#table, body: Buffer.concat(this.#pieces) }))
  }
  abort(): void {
    this.#finish(() => this.#reject(new Error('the answer broke off')))
  }
  /** Whoever wanted the answer has gone. */
  cancel(): void {
    this.#finish(() => this.#reject(new Error('given up')))
  }
  onDrain(): void {}
  onClose(listener: () => void): () => void {
    this.#closers.add(listener)
    return () => this.#closers.delete(listener)
  }
  get begun(): boolean {
    return this.#status !== 0
  }
  get closed(): boolean {
    return this.#over
  }
  #finish(settle: () => void): void {
    if (this.#over) return
    this.#over = true
    settle()
    for (const close of this.#closers) close()
    this.#closers.clear()
  }
}

export class AnswerTooLarge extends Error {}

export interface Gathered {
  readonly status: number
  readonly headers: HeaderTable
  readonly body: Buffer
}

/** An answer of the gateway's own. `lines` are name, value, name, value. */
export function respond(answer: Answer, status: number, body: string | Buffer, lines: readonly string[] = []): void {
  if (answer.begun) {
    answer.abort()
    return
  }
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const headers = HeaderTable.fromRaw(lines)
  headers.set('Content-Length', String(bytes.length))
  answer.head(status, headers)
  if (bytes.length > 0) answer.write(bytes)
  answer.end()
}
