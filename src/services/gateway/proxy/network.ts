// A request to a service over the network: streamed both ways with back-pressure, ended when either side goes, tried again where
// nothing can have happened yet.
import type { ServerResponse } from 'node:http'
import type { Pool, Dispatcher as Undici } from 'undici'
import type { ErrorName } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import { HeaderTable } from '../header-table.ts'
import type { Service } from '../plan.ts'
import { announcesBody } from '../read-ahead.ts'
import { failureOf, SilenceError } from './failure.ts'

/** Methods whose requests are not sent twice once anything was sent. */
const ONCE = new Set(['POST', 'PATCH', 'LOCK'])

/** What a request brings here, whichever front end made it. */
export type Carried = Pick<Exchange, 'req' | 'method' | 'body'>

/** Where the answer goes: the client's response, or what stands before it. */
export type AnswerSink = Pick<ServerResponse, 'flushHeaders' | 'addTrailers'> & {
  writeHead(status: number, lines: string[]): unknown
  write(chunk: Buffer): boolean
  end(): unknown
  once(event: 'drain' | 'close', listener: () => void): unknown
  off(event: 'drain' | 'close', listener: () => void): unknown
}

export interface NetworkCall {
  readonly exchange: Carried
  readonly res: AnswerSink
  readonly service: Pick<Service, 'retries' | 'readTimeoutMs'>
  readonly path: string
  readonly headers: readonly string[]
  /** Where the next try goes: the same address, or the next target. */
  nextPool(): Pool | ErrorName
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
  #timer: NodeJS.Timeout | undefined
  #resume: (() => void) | undefined

  constructor(call: NetworkCall) {
    this.#call = call
    this.#triesLeft = call.service.retries
    this.#body = bodyOf(call.exchange)
  }

  start(): void {
    this.#call.res.once('close', this.#clientGone)
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
    try {
      pool.dispatch({ path, method: exchange.method as Undici.HttpMethod, headers: headers as string[], body: this.#body }, this)
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
    if (this.#timer) this.#timer.refresh()
    else this.#timer = setTimeout(this.#silence, Math.max(this.#call.service.readTimeoutMs, 1))
  }

  onBodySent(): void {
    this.#bodyTouched = true
    this.#timer?.refresh()
  }

  onRequestSent(): void {
    this.#requestSent = true
    this.#timer?.refresh()
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void): boolean {
    this.#timer?.refresh()
    if (status < 200) return true
    const { res, finishHead } = this.#call
    this.#answered = true
    this.#resume = resume
    const table = HeaderTable.fromRaw(raw.map((line) => line.toString('latin1')))
    const head = finishHead(status, table)
    res.writeHead(head.status, head.headers)
    // The head does not wait for the first piece of the body.
    if (!hasNoBody(status) && this.#call.exchange.method !== 'HEAD') res.flushHeaders()
    return true
  }

  onData(chunk: Buffer): boolean {
    this.#timer?.refresh()
    if (this.#call.res.write(chunk)) return true
    this.#call.res.once('drain', this.#drained)
    return false
  }

  onComplete(trailers: string[] | Buffer[] | null): void {
    this.#finish()
    const { res } = this.#call
    if (trailers && trailers.length > 0) addTrailers(res, trailers.map(String))
    res.end()
  }

  onError(error: Error): void {
    if (this.#over) return
    const slow = !this.#answered && this.#clientIsSlow(error)
    if (!this.#answered && !slow) this.#call.tryFailed?.(failureOf(error))
    if (!this.#answered && this.#mayTryAgain(error)) {
      this.#triesLeft--
      this.#abort = undefined
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

  readonly #silence = (): void => {
    this.#abort?.(new SilenceError('no byte passed within the time-out'))
  }

  readonly #drained = (): void => {
    this.#timer?.refresh()
    this.#resume?.()
  }

  readonly #clientGone = (): void => {
    if (this.#over) return
    this.#finish()
    this.#abort?.()
  }

  #finish(): void {
    this.#over = true
    clearTimeout(this.#timer)
    this.#call.res.off('close', this.#clientGone)
    this.#call.res.off('drain', this.#drained)
  }
}

/** Null when the request has none: its framing headers alone decide, as Node's parser has checked them. */
function bodyOf({ req, body }: Carried): Exchange['req'] | Buffer | null {
  return body ?? (announcesBody(req) ? req : null)
}

const hasNoBody = (status: number) => status === 204 || status === 304

function addTrailers(res: AnswerSink, raw: readonly string[]): void {
  const lines: [string, string][] = []
  for (let i = 0; i + 1 < raw.length; i += 2) lines.push([raw[i]!, raw[i + 1]!])
  res.addTrailers(lines)
}
