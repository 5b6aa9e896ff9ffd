// A request to a service over the network: streamed both ways with back-pressure, ended when either side goes, tried again where
// nothing can have happened yet.
import type { Client, Dispatcher as Undici } from 'undici'
import type { ErrorName } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import { HeaderTable } from '../header-table.ts'
import type { Service } from '../plan.ts'
import { announcesBody } from '../read-ahead.ts'
import { failureOf, SilenceError } from './failure.ts'
import type { Lanes } from './pools.ts'

/** Methods whose requests are not sent twice once anything was sent. */
const ONCE = new Set(['POST', 'PATCH', 'LOCK'])

/** What a request brings here, whichever front end made it. */
export type Carried = Pick<Exchange, 'req' | 'method' | 'body'>

/** Where the answer goes: the client's response, or what stands before it. */
export interface AnswerSink {
  head(status: number, lines: string[]): void
  /** False asks to wait for `drain`. */
  write(piece: Buffer): boolean
  end(trailers?: readonly [string, string][]): void
}

/** Tells of the client: when it takes more, and when it has gone. */
export interface AnswerEvents {
  once(event: 'drain' | 'close', listener: () => void): unknown
  off(event: 'drain' | 'close', listener: () => void): unknown
}

export interface NetworkCall {
  readonly exchange: Carried
  readonly answer: AnswerSink
  readonly client: AnswerEvents
  readonly service: Pick<Service, 'retries' | 'readTimeoutMs'>
  readonly path: string
  readonly headers: readonly string[]
  /** Where the next try goes: the same address, or the next target. */
  nextPool(): Lanes | ErrorName
  /** A try came to nothing. */
  tryFailed?(name: ErrorName): void
  /** The head of the answer as it goes to the client. */
  finishHead(status: number, headers: HeaderTable): { status: number; headers: string[] }
  /** Nothing was answered: the error to answer. */
  fail(name: ErrorName, cause: unknown): void
  /** The connection ended in the middle of the answer. */
  broken(cause: unknown): void
}

/** Returns what gives the request up with an error. */
export function proxyOverNetwork(call: NetworkCall): (error: Error) => void {
  const exchange = new NetworkExchange(call)
  exchange.start()
  return (error) => exchange.giveUp(error)
}

class NetworkExchange implements Undici.DispatchHandler {
  readonly #call: NetworkCall
  readonly #body: Exchange['req'] | Buffer | null
  #triesLeft: number
  #abort: ((reason?: Error) => void) | undefined
  /** Anything may have reached the service. */
  #sent = false
  #bodyTouched = false
  #requestSent = false
  #answered = false
  #over = false
  readonly #timeoutMs: number
  #passedAt = 0
  #timer: NodeJS.Timeout | undefined
  #resume: (() => void) | undefined
  #lanes: Lanes | undefined
  #client: Client | undefined

  constructor(call: NetworkCall) {
    this.#call = call
    this.#triesLeft = call.service.retries
    this.#body = bodyOf(call.exchange)
    this.#timeoutMs = Math.max(call.service.readTimeoutMs, 1)
  }

  start(): void {
    this.#call.client.once('close', this.#clientGone)
    this.#try()
  }

  giveUp(error: Error): void {
    if (this.#over) return
    this.#triesLeft = 0
    if (this.#abort) this.#abort(error)
    else this.onError(error)
  }

  #try(): void {
    const { exchange, path, headers, nextPool } = this.#call
    const pool = nextPool()
    if (typeof pool === 'string') {
      this.#finish()
      this.#call.fail(pool, undefined)
      return
    }
    this.#sent = false
    this.#lanes = pool
    this.#client = pool.take()
    try {
      this.#client.dispatch({ path, method: exchange.method as Undici.HttpMethod, headers: headers as string[], body: this.#body }, this)
    } catch (error) {
      this.onError(error as Error)
    }
  }

  onConnect(abort: (reason?: Error) => void): void {
    this.#abort = abort
    if (this.#over) {
      abort()
      return
    }
    this.#sent = true
    this.#passed()
    this.#timer ??= setTimeout(this.#silence, this.#timeoutMs)
  }

  onBodySent(): void {
    this.#bodyTouched = true
    this.#passed()
  }

  onRequestSent(): void {
    this.#requestSent = true
    this.#passed()
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void): boolean {
    this.#passed()
    if (status < 200) return true
    const { answer, finishHead } = this.#call
    this.#answered = true
    this.#resume = resume
    const head = finishHead(status, HeaderTable.fromBytes(raw))
    answer.head(head.status, head.headers)
    return true
  }

  onData(chunk: Buffer): boolean {
    this.#passed()
    if (this.#call.answer.write(chunk)) return true
    this.#call.client.once('drain', this.#drained)
    return false
  }

  onComplete(trailers: string[] | Buffer[] | null): void {
    this.#finish()
    this.#call.answer.end(trailers && trailers.length > 0 ? pairs(trailers) : undefined)
  }

  onError(error: Error): void {
    if (this.#over) return
    const slow = !this.#answered && this.#clientIsSlow(error)
    if (!this.#answered && !slow) this.#call.tryFailed?.(failureOf(error))
    if (!this.#answered && this.#mayTryAgain(error)) {
      this.#triesLeft--
      this.#abort = undefined
      this.#leave()
      // Not within undici's own bookkeeping of the connection that failed.
      setImmediate(() => {
        if (!this.#over) this.#try()
      })
      return
    }
    this.#finish()
    if (this.#answered) this.#call.broken(error)
    else if (slow) this.#call.fail('requestTimeout', error)
    else this.#call.fail(failureOf(error), error)
  }

  #mayTryAgain(error: Error): boolean {
    if (this.#triesLeft <= 0) return false
    if (!this.#sent) return failureOf(error) !== 'noName'
    // A body that streams through cannot be sent a second time.
    const replayable = this.#body === null || Buffer.isBuffer(this.#body) || !this.#bodyTouched
    return replayable && !ONCE.has(this.#call.exchange.method)
  }

  /** The time-out ran out while the client, not the service, was to speak. */
  #clientIsSlow(error: Error): boolean {
    const { req } = this.#call.exchange
    return error instanceof SilenceError && !this.#requestSent && this.#body === req && !req.complete && !req.isPaused()
  }

  /** Something passed: the time-out begins anew. The timer itself is set again when it runs out, not thousands of times before. */
  #passed(): void {
    this.#passedAt = performance.now()
  }

  readonly #silence = (): void => {
    this.#timer = undefined
    // Between two tries: the next connection sets the timer.
    if (!this.#abort) return
    const left = this.#passedAt + this.#timeoutMs - performance.now()
    if (left >= 1) this.#timer = setTimeout(this.#silence, left)
    else this.#abort(new SilenceError('no byte passed within the time-out'))
  }

  readonly #drained = (): void => {
    this.#passed()
    this.#resume?.()
  }

  readonly #clientGone = (): void => {
    if (this.#over) return
    // A connection that is still being made is nobody's any more.
    if (!this.#abort && this.#client) {
      this.#lanes?.drop(this.#client)
      this.#client = undefined
    }
    this.#finish()
    this.#abort?.()
  }

  #leave(): void {
    if (this.#client) this.#lanes?.give(this.#client)
    this.#client = undefined
  }

  #finish(): void {
    this.#over = true
    this.#leave()
    clearTimeout(this.#timer)
    this.#call.client.off('close', this.#clientGone)
    this.#call.client.off('drain', this.#drained)
  }
}

/** Null when the request has none: its framing headers alone decide, as Node's parser has checked them. */
function bodyOf({ req, body }: Carried): Exchange['req'] | Buffer | null {
  return body ?? (announcesBody(req) ? req : null)
}

function pairs(raw: readonly (string | Buffer)[]): [string, string][] {
  const lines: [string, string][] = []
  for (let i = 0; i + 1 < raw.length; i += 2) lines.push([String(raw[i]), String(raw[i + 1])])
  return lines
}
