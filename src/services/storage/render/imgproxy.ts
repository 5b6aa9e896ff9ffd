// Requests to imgproxy: by its name in this process where it runs here, by the network where it does not; tried again where that helps.
import type { Readable } from 'node:stream'
import { Agent, request } from 'undici'
import { callEndpoint } from '../../../http/call-endpoint.ts'
import type { StorageContext } from '../context.ts'
import { errors, StorageError } from '../errors.ts'

export interface Picture {
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Readable
}

interface Answer extends Picture {
  readonly status: number
}

const RETRIES = 5
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1_000
const AGAIN: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504])
/** Of a refusal. */
const MOST_TEXT_BYTES = 4_096

export class Imgproxy {
  readonly #ctx: StorageContext
  readonly #agent: Agent

  constructor(ctx: StorageContext) {
    const { env } = ctx
    this.#ctx = ctx
    this.#agent = new Agent({
      connections: env.IMGPROXY_HTTP_MAX_SOCKETS,
      keepAliveTimeout: env.IMGPROXY_HTTP_KEEP_ALIVE_TIMEOUT * 1_000,
    })
  }

  /** `source` as the backend names it. Throws StorageErrors in upstream's words. */
  async render(options: readonly string[], source: string, accept: string | undefined, signal: AbortSignal): Promise<Picture> {
    const path = ['/public', ...options, 'plain', encodedSource(source)].join('/')
    const headers: Record<string, string> = accept === undefined ? {} : { accept }
    const deadline = new AbortController()
    const over = AbortSignal.any([signal, deadline.signal])
    // For the head of the answer: its body may take as long as the client takes it.
    using _ = timeLimit(deadline, this.#ctx.config.images.timeoutMs)
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#ask(path, headers, over).catch((error: unknown) => error as Error)
      if (signal.aborted) {
        if (!(answer instanceof Error)) drop(answer.body)
        throw errors.aborted(signal.reason)
      }
      if (!(answer instanceof Error) && answer.status === 200) return answer
      const last = attempt === RETRIES || over.aborted || (!(answer instanceof Error) && !AGAIN.has(answer.status))
      if (last)
        throw answer instanceof Error ? unanswered(answer, deadline.signal.aborted) : refusal(answer.status, await textOf(answer.body))
      if (!(answer instanceof Error)) drop(answer.body)
      await new Promise((resolve) => setTimeout(resolve, Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt)))
    }
  }

  async #ask(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Answer> {
    const { dispatcher, config } = this.#ctx
    const url = new URL(config.images.url!)
    const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
    const prefix = url.pathname.replace(/\/$/, '')
    const endpoint = dispatcher.resolve(url.hostname, port)
    if (endpoint) return callEndpoint(endpoint, { url: prefix + path, headers: { host: url.host, ...headers } }, signal)
    const address = dispatcher.address(url.hostname, port)
    const absence = dispatcher.absence(url.hostname)
    if (address === undefined && absence !== undefined) throw new Error(absence)
    const {
      statusCode,
      headers: answered,
      body,
    } = await request(`${address ?? url.origin}${prefix}${path}`, {
      dispatcher: this.#agent,
      headers,
      signal,
    })
    return { status: statusCode, headers: answered, body }
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}

function timeLimit(controller: AbortController, ms: number): Disposable {
  const timer = setTimeout(() => controller.abort(new Error('imgproxy did not answer in time')), ms)
  return { [Symbol.dispose]: () => clearTimeout(timer) }
}

/** Ends a body that nobody wants any more. Its error is no news then, and nobody else listens for it. */
export function drop(body: Readable): void {
  body.on('error', () => {})
  body.destroy()
}

/** Paths of this machine keep their slashes; what imgproxy would read as an extension or a query does not stay as it is. */
const encodedSource = (source: string): string =>
  source.startsWith('local://')
    ? `local://${source.slice('local://'.length).split('/').map(encodeURIComponent).join('/')}`
    : encodeURIComponent(source)

async function textOf(body: Readable): Promise<string> {
  let text = ''
  try {
    for await (const chunk of body) {
      text += String(chunk)
      if (text.length > MOST_TEXT_BYTES) break
    }
  } catch {
    // The status alone says enough.
  }
  return text
}

const unanswered = (error: Error, late: boolean): StorageError =>
  late ? rendering(408, 'Image request timed out', error) : rendering(500, 'Internal error', error)

/** imgproxy's texts of several versions to upstream's fixed ones. */
const WORDS: readonly (readonly [pattern: RegExp, status: number, message: string])[] = [
  [/frame resolution/i, 400, 'The source image frame resolution is too large to process'],
  [/resolution is too big/i, 400, 'The source image resolution is too large to process'],
  [/file is too big|file size/i, 400, 'The source image file is too large to process'],
  [/invalid source image/i, 400, 'The source image is invalid or unsupported for rendering'],
  [/unreachable|invalid source/i, 400, 'Unable to download source image'],
  [/too many requests/i, 429, 'Too many requests'],
  [/timeout|timed out/i, 408, 'Image request timed out'],
]

function refusal(status: number, text: string): StorageError {
  const known = WORDS.find(([pattern]) => pattern.test(text))
  if (known) return rendering(known[1], known[2])
  return status >= 500
    ? rendering(500, 'Internal error', new Error(`imgproxy answered ${status}: ${text}`))
    : rendering(400, 'Invalid image request')
}

const rendering = (status: number, message: string, cause?: unknown): StorageError =>
  new StorageError(
    status >= 500 ? { code: 'InternalError', status, message } : { code: 'InvalidRequest', status, message },
    cause === undefined ? undefined : { cause },
  )
