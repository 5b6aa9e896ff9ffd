// A request of a service's own to an endpoint in this process: no socket, no copy. (What a client sent is handed over by dispatch.ts.)
import { IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { PassThrough, type Readable } from 'node:stream'
import type { Endpoint } from '../service/definition.ts'
import { applyRewrite } from './dispatch.ts'

export interface EndpointAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: OutgoingHttpHeaders
  /** Has to be read to its end or destroyed. */
  readonly body: Readable
}

/** A GET. Resolves when the head of the answer is there; rejects with the signal's reason when it aborts before. */
export function callEndpoint(
  endpoint: Endpoint,
  { url, headers }: { readonly url: string; readonly headers: Readonly<Record<string, string>> },
  signal: AbortSignal,
): Promise<EndpointAnswer> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const req = new IncomingMessage(new Socket())
    req.method = 'GET'
    req.httpVersion = '1.1'
    req.complete = true
    req.push(null)
    applyRewrite(req, { url, headers: Object.entries(headers).flat() })
    const res = new Answer(req, (answer) => {
      signal.removeEventListener('abort', give)
      resolve(answer)
    })
    const give = (): void => {
      reject(signal.reason as Error)
      res.destroy()
    }
    signal.addEventListener('abort', give, { once: true })
    res.once('close', () => reject(new Error('the endpoint ended the request without an answer')))
    endpoint.handle(req, res)
  })
}

/** Keeps what a handler writes instead of sending it. */
class Answer extends ServerResponse {
  readonly #body = new PassThrough()
  readonly #onHead: (answer: EndpointAnswer) => void
  #begun = false

  constructor(req: IncomingMessage, onHead: (answer: EndpointAnswer) => void) {
    super(req)
    this.#onHead = onHead
    this.#body.once('close', () => this.destroy())
    // What handlers and Fastify ask; of Node's own it is true only for what went to a socket.
    Object.defineProperty(this, 'headersSent', { get: () => this.#begun })
  }

  override writeHead(status: number, reason?: string | OutgoingHttpHeaders | unknown[], headers?: OutgoingHttpHeaders | unknown[]): this {
    if (this.#begun) throw new Error('the head of the answer is out already')
    this.statusCode = status
    const given = typeof reason === 'string' ? headers : (reason ?? headers)
    const lines = Array.isArray(given) ? pairs(given) : Object.entries((given ?? {}) as OutgoingHttpHeaders)
    for (const [name, value] of lines) if (value !== undefined) this.setHeader(name, value)
    this.#begun = true
    this.#onHead({ status, headers: this.getHeaders(), body: this.#body })
    return this
  }

  override flushHeaders(): void {
    if (!this.#begun) this.writeHead(this.statusCode)
  }

  override write(chunk: unknown, ...rest: unknown[]): boolean {
    this.flushHeaders()
    return (this.#body.write as (...args: unknown[]) => boolean)(chunk, ...rest)
  }

  override end(chunk?: unknown, ...rest: unknown[]): this {
    this.flushHeaders()
    const last = typeof chunk === 'function' ? undefined : chunk
    const done = [chunk, ...rest].find((arg) => typeof arg === 'function') as (() => void) | undefined
    this.#body.end(last as Buffer | string | undefined)
    queueMicrotask(() => {
      this.emit('finish')
      done?.()
    })
    return this
  }

  override destroy(error?: Error): this {
    if (this.destroyed) return this
    this.destroyed = true
    if (!this.#body.readableEnded) this.#body.destroy(error)
    this.emit('close')
    return this
  }
}

const pairs = (lines: unknown[]): [string, string][] =>
  Array.isArray(lines[0])
    ? (lines as [string, string][])
    : Array.from({ length: lines.length / 2 }, (_, i) => [String(lines[i * 2]), String(lines[i * 2 + 1])])
