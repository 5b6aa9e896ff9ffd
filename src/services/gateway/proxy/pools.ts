// Kept connections to services over the network: one pool per address, closed with the gateway.
import { Pool } from 'undici'
import type { Service } from '../plan.ts'
import type { Place } from './place.ts'

type NetworkPlace = Extract<Place, { at: 'network' }>

// Shorter than what servers keep (Node says 5 s itself, others 60 s and more), so that we close first.
const KEEP_ALIVE_MS = 20_000
const KEEP_ALIVE_MAX_MS = 60_000

/** What of a service its connections depend on. */
type Pooled = Pick<Service, 'connectTimeoutMs' | 'tlsVerify'> & Partial<Pick<Service, 'clientTls'>>

export class Pools {
  readonly #pools = new Map<string, Pool>()
  readonly #maxHeaderBytes: number

  constructor(maxHeaderBytes: number) {
    this.#maxHeaderBytes = maxHeaderBytes
  }

  get({ scheme, host, port, authority }: NetworkPlace, service: Pooled): Pool {
    const origin = `${scheme}://${host}:${port}`
    // The name that the certificate has to be for is that of the Host header.
    const servername = scheme === 'https' ? authority.replace(/:\d+$/, '') : ''
    const { ca, cert, key: clientKey } = service.clientTls ?? {}
    const key = `${origin} ${service.connectTimeoutMs} ${scheme === 'https' ? `${service.tlsVerify} ${servername} ${ca?.join()} ${cert}` : ''}`
    const found = this.#pools.get(key)
    if (found) return found
    const pool = new Pool(origin, {
      // As many connections as there are requests: what bounds them is the number of clients, as upstream.
      connections: null,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MAX_MS,
      maxHeaderSize: this.#maxHeaderBytes,
      // The gateway keeps its own clock of inactivity: undici's runs through long uploads.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: {
        timeout: service.connectTimeoutMs,
        rejectUnauthorized: service.tlsVerify,
        ...(servername === '' ? {} : { servername }),
        ...(ca ? { ca: [...ca] } : {}),
        ...(cert === undefined || clientKey === undefined ? {} : { cert, key: clientKey }),
      },
    })
    this.#pools.set(key, pool)
    return pool
  }

  async close(): Promise<void> {
    const pools = [...this.#pools.values()]
    this.#pools.clear()
    await Promise.all(pools.map((pool) => pool.destroy()))
  }
}
