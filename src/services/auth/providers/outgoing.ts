// Requests to providers: bounded in time, size and redirects, and for addresses that an administrator entered at run time also kept
// away from everything private.
import { Agent, request } from 'undici'
import { readBounded } from '../../../http/read-bounded.ts'
import { checkPublicUrl, lookupPublic, refusePrivateHost } from './public-address.ts'

/** More than any profile, key set or metadata has. */
const MAX_BYTES = 1 << 20
const MAX_REDIRECTS = 5

export interface OutgoingOptions {
  readonly timeoutMs: number
  /** Private addresses are fine (development). */
  readonly allowPrivate: boolean
}

export interface OutgoingRequest {
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Only https, only public addresses. */
  readonly guarded?: boolean
  /** Only https, wherever a redirect leads. */
  readonly secure?: boolean
}

export interface Incoming {
  readonly status: number
  readonly contentType: string
  readonly text: string
}

export class Outgoing {
  readonly #options: OutgoingOptions
  readonly #publicOnly: Agent

  constructor(options: OutgoingOptions) {
    this.#options = options
    this.#publicOnly = new Agent({ connect: { lookup: lookupPublic } })
  }

  /** Throws `validation_failed` for an address that a guarded request would not be sent to. */
  async check(url: string): Promise<void> {
    await checkPublicUrl(url, this.#options.allowPrivate)
  }

  async send(url: string, options: OutgoingRequest = {}): Promise<Incoming> {
    const signal = AbortSignal.timeout(this.#options.timeoutMs)
    let target = url
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const answer = await this.#once(target, options, signal)
      if (typeof answer !== 'string') return answer
      target = new URL(answer, target).href
    }
    throw new Error(`Cannot read ${origin(url)}: more than ${MAX_REDIRECTS} redirects`)
  }

  async close(): Promise<void> {
    await this.#publicOnly.destroy()
  }

  /** The answer, or where a GET is to be sent instead. */
  async #once(url: string, { method = 'GET', headers, body, guarded, secure }: OutgoingRequest, signal: AbortSignal) {
    const guard = guarded === true && !this.#options.allowPrivate
    if ((guarded || secure) && !url.startsWith('https://')) throw new Error(`Cannot read ${origin(url)}: not https`)
    if (guard) refusePrivateHost(new URL(url).hostname)
    const response = await request(url, {
      method,
      signal,
      headers: { accept: 'application/json', 'user-agent': 'Plinth-Auth', ...headers },
      ...(body === undefined ? {} : { body }),
      ...(guard ? { dispatcher: this.#publicOnly } : {}),
    })
    const { location } = response.headers
    if (method === 'GET' && response.statusCode >= 301 && response.statusCode <= 308 && typeof location === 'string') {
      await response.body.dump()
      return location
    }
    const text = await readBounded(response.body, MAX_BYTES)
    if (text === undefined) throw new Error(`Cannot read ${origin(url)}: the answer is larger than ${MAX_BYTES} bytes`)
    return {
      status: response.statusCode,
      contentType: String(response.headers['content-type'] ?? ''),
      text,
    }
  }
}

/** Paths and queries may hold secrets; errors name the origin only. */
const origin = (url: string): string => (URL.canParse(url) ? new URL(url).origin : 'an address')
