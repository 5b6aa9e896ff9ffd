// Kept connections to services over the network: for each address those that are idle, closed with the gateway.
import { Client } from 'undici'
import type { Service } from '../plan.ts'
import type { Place } from './place.ts'

type NetworkPlace = Extract<Place, { at: 'network' }>

// Shorter than what servers keep (Node says 5 s itself, others 60 s and more), so that we close first.
const KEEP_ALIVE_MS = 20_000
const KEEP_ALIVE_MAX_MS = 60_000
// What a burst of clients leaves behind beyond these is closed at once.
const MAX_IDLE = 1_024

/** What of a service its connections depend on. */
export type Pooled = Pick<Service, 'connectTimeoutMs' | 'tlsVerify'> &
  Partial<Pick<Service, 'clientTls'>> & {
    /** The name that the certificate has to be for; else that of the Host header. */
    readonly serverName?: string | undefined
    /** How long an idle connection is kept. */
    readonly keepAliveMs?: number
    /** More idle ones than these are closed. */
    readonly maxIdle?: number
  }

/** The connections to one address: as many as there are requests, each with one at a time, the one that was used last first. */
export class Lanes {
  readonly #open: () => Client
  readonly #maxIdle: number
  readonly #idle: Client[] = []
  readonly #busy = new Set<Client>()
  closed = false

  constructor(open: () => Client, maxIdle: number) {
    this.#open = open
    this.#maxIdle = maxIdle
  }

  take(): Client {
    const client = this.#idle.pop() ?? this.#open()
    this.#busy.add(client)
    return client
  }

  /** The request that took it is over. */
  give(client: Client): void {
    this.#busy.delete(client)
    if (this.closed || this.#idle.length >= this.#maxIdle) void client.close()
    else this.#idle.push(client)
  }

  /** It is in no state to be used again. */
  drop(client: Client): void {
    this.#busy.delete(client)
    void client.destroy()
  }

  async destroy(): Promise<void> {
    this.closed = true
    await Promise.all([...this.#idle.splice(0), ...this.#busy].map((client) => client.destroy()))
  }
}

export class Pools {
  readonly #pools = new Map<string, Lanes>()
  readonly #maxHeaderBytes: number
  /** What a service that is at one place was given last: most requests ask for that again. */
  readonly #last = new WeakMap<Pooled, { readonly place: NetworkPlace; readonly lanes: Lanes }>()

  constructor(maxHeaderBytes: number) {
    this.#maxHeaderBytes = maxHeaderBytes
  }

  get(place: NetworkPlace, service: Pooled): Lanes {
    const last = this.#last.get(service)
    if (last && isSame(last.place, place) && !last.lanes.closed) return last.lanes
    const lanes = this.#find(place, service)
    this.#last.set(service, { place, lanes })
    return lanes
  }

  #find({ scheme, host, port, authority }: NetworkPlace, service: Pooled): Lanes {
    const origin = `${scheme}://${host}:${port}`
    const secure = scheme === 'https'
    const { connectTimeoutMs, tlsVerify, serverName, keepAliveMs = KEEP_ALIVE_MS, maxIdle = MAX_IDLE } = service
    const servername = secure ? (serverName ?? authority.replace(/:\d+$/, '')) : ''
    const { ca, cert, key: clientKey } = service.clientTls ?? {}
    const key = `${origin} ${connectTimeoutMs} ${keepAliveMs} ${maxIdle} ${secure ? `${tlsVerify} ${servername} ${ca?.join()} ${cert}` : ''}`
    const found = this.#pools.get(key)
    if (found) return found
    const options: Client.Options = {
      pipelining: 1,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: Math.max(keepAliveMs, KEEP_ALIVE_MAX_MS),
      maxHeaderSize: this.#maxHeaderBytes,
      // The gateway keeps its own clock of inactivity: undici's runs through long uploads.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: {
        timeout: connectTimeoutMs,
        rejectUnauthorized: tlsVerify,
        ...(servername === '' ? {} : { servername }),
        ...(ca ? { ca: [...ca] } : {}),
        ...(cert === undefined || clientKey === undefined ? {} : { cert, key: clientKey }),
      },
    }
    const lanes = new Lanes(() => new Client(origin, options), maxIdle)
    this.#pools.set(key, lanes)
    return lanes
  }

  async close(): Promise<void> {
    const pools = [...this.#pools.values()]
    this.#pools.clear()
    await Promise.all(pools.map((pool) => pool.destroy()))
  }
}

const isSame = (a: NetworkPlace, b: NetworkPlace): boolean =>
  a.host === b.host && a.port === b.port && a.scheme === b.scheme && a.authority === b.authority
