// One request on its way through the gateway: what the client asked, who it is, and what the service will be sent.
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Peer } from './balancing/peer.ts'
import type { Client } from './client.ts'
import type { Consumer } from './consumers.ts'
import { type Asked, type ErrorName, errors, type Refusal, refusal } from './errors.ts'
import type { HeaderTable } from './header-table.ts'
import type { Route, Service } from './plan.ts'
import { QueryTable } from './query-table.ts'
import type { ResponseHead } from './response-head.ts'

/** The parts of a request's target, the path in its one spelling. */
export interface Target {
  /** As the client wrote it, without the query. */
  readonly rawPath: string
  readonly path: string
  /** With its question mark; empty when there is none. */
  readonly query: string
  /** As the client wrote it, or of an absolute target; the port with it. */
  readonly host: string
}

export interface Captures {
  readonly [name: string]: string | undefined
}

/** One attempt to reach the service. */
export interface Try {
  readonly host: string
  readonly port: number
  /** Milliseconds since 1970. */
  readonly startedAt: number
  latencyMs: number
  /** Undefined for an attempt that was answered. */
  failure: ErrorName | undefined
  code: number | undefined
}

export class Exchange {
  readonly req: IncomingMessage
  readonly target: Target
  readonly client: Client
  readonly received: number
  /** As the client sent it, whatever plugins do to `method`. */
  readonly clientMethod: string
  readonly route: Route
  /** How much of the path the route matched, in characters. */
  readonly matched: number
  readonly captures: Captures | undefined
  /** When the request was handed to the service. */
  proxied: number | undefined
  /** When the head of the service's answer came. */
  answeredAt: number | undefined
  /** What went to the client, once it did. */
  head: ResponseHead | undefined
  /** Path and query that the service was asked for. */
  upstreamUri: string | undefined
  /** Attempts to reach the service, where somebody wants to know of them. */
  tries: Try[] | undefined
  /** The target of a balanced service that has the request now. */
  peer: Peer | undefined
  /** A plugin failed on the head of the answer. */
  failed = false
  /** The answer is one that has passed the plugins before. */
  replayed = false
  /** A cookie that ties the client to its target, set with the answer. */
  stickyCookie: string | undefined
  consumer: Consumer | undefined
  /** What told who it is; unset for an anonymous consumer. */
  credentialId: string | undefined
  /** The header lines for the service. Plugins read and change them; what belongs to the connection goes at the very end. */
  readonly headers: HeaderTable
  method: string
  /** Set by a plugin that replaces the path whole. */
  path: string | undefined
  /** Set by a plugin: the Host header instead of the service's. */
  host: string | undefined
  /** The body instead of the client's, for plugins that read or change it. */
  body: Buffer | undefined
  readonly errorDefaultType: string
  /** The lines as the client sent them, whatever plugins do to the headers. */
  readonly #sent: readonly string[]
  #query: QueryTable | undefined
  #id: string | undefined
  #queryChanged = false
  /** Names that the client's Connection header lists: they end here, unless a plugin sets them anew. */
  readonly connectionNamed: Set<string> | undefined

  constructor(given: {
    req: IncomingMessage
    target: Target
    client: Client
    received: number
    route: Route
    matched: number
    captures: Captures | undefined
    headers: HeaderTable
    errorDefaultType: string
  }) {
    this.req = given.req
    this.target = given.target
    this.client = given.client
    this.received = given.received
    this.route = given.route
    this.matched = given.matched
    this.captures = given.captures
    this.headers = given.headers
    this.errorDefaultType = given.errorDefaultType
    this.clientMethod = given.req.method ?? 'GET'
    this.method = this.clientMethod
    this.connectionNamed = namedByConnection(given.headers)
    this.#sent = given.req.rawHeaders
  }

  /** What the client itself sent under a lower-case name. */
  sent(key: string): string | undefined {
    for (let i = 0; i + 1 < this.#sent.length; i += 2) {
      const name = this.#sent[i]!
      if (name.length === key.length && name.toLowerCase() === key) return this.#sent[i + 1]
    }
    return undefined
  }

  /** The header lines as the client sent them: name, value, name, value. */
  get sentLines(): readonly string[] {
    return this.#sent
  }

  /** 32 hexadecimal digits, for headers and logs. */
  get id(): string {
    this.#id ??= randomBytes(16).toString('hex')
    return this.#id
  }

  get tls(): { version: string; cipher: string } | undefined {
    const socket = this.req.socket as TLSSocket
    if (!socket.encrypted) return undefined
    return { version: socket.getProtocol?.() ?? '', cipher: socket.getCipher?.()?.name ?? '' }
  }

  /** What the client takes, for answers of our own. */
  get asked(): Asked {
    return { accept: this.sent('accept'), contentType: this.sent('content-type') }
  }

  get service(): Service | undefined {
    return this.route.service
  }

  /** The parameters of the query; read when first asked for. */
  get query(): QueryTable {
    this.#query ??= new QueryTable(this.target.query.slice(1))
    return this.#query
  }

  changeQuery(change: (query: QueryTable) => void): void {
    change(this.query)
    this.#queryChanged = true
  }

  /** The query for the service, with its question mark: as it came unless a plugin changed it. */
  get upstreamQuery(): string {
    if (!this.#queryChanged) return this.target.query
    const text = this.query.toString()
    return text === '' ? '' : `?${text}`
  }

  setHeader(name: string, value: string, key = name.toLowerCase()): void {
    this.connectionNamed?.delete(key)
    this.headers.set(name, value, key)
  }

  /** Refuses in the words and the shape of a plugin. */
  refuse(status: number, message: string, headers: Refusal['headers'] = []): Refusal {
    return refusal(status, message, 'error', this.asked, headers)
  }

  /** One of the gateway's own errors. */
  fail(name: ErrorName, headers: Refusal['headers'] = []): Refusal {
    const { status, message, maker } = errors[name]
    return refusal(status, message, maker, this.asked, headers, this.errorDefaultType)
  }
}

const ORDINARY = new Set(['keep-alive', 'close', 'upgrade', ''])

function namedByConnection(headers: HeaderTable): Set<string> | undefined {
  const connection = headers.get('connection')
  if (connection === undefined || ORDINARY.has(connection.toLowerCase())) return undefined
  const names = headers
    .all('connection')
    .flatMap((line) => line.split(','))
    .map((name) => name.trim().toLowerCase())
  return new Set(names.filter((name) => !ORDINARY.has(name)))
}
