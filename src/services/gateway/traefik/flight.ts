// One request on its way through middlewares and services: what the client asked, and what the service will be sent.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { HeaderTable } from '../header-table.ts'
import { announcesBody } from '../read-ahead.ts'
import { type Answer, respond } from './answer.ts'
import type { Asked } from './rules/matchers.ts'

export interface Upgrade {
  readonly socket: Duplex
  readonly head: Buffer
}

/** What the access log and the metrics tell about a request, noted on its way. */
export interface Notes {
  router?: string
  service?: string
  serverUrl?: string
  serverAddress?: string
  serverPath?: string
  originStatus?: number
  originBytes: number
  /** When the service had been asked, and how long it took to the end of its answer. */
  originStarted?: number
  originMs?: number
  retries: number
  clientUser?: string
  /** The last try reached no server at all. */
  notSent?: boolean
}

export class Flight implements Asked {
  readonly req: IncomingMessage
  readonly entryPoint: string
  readonly secure: boolean
  /** The other end of the connection, without its port. */
  readonly peer: string
  readonly peerPort: number
  /** X-Forwarded-For stays as it came. */
  readonly keepForwardedFor: boolean
  readonly upgrade: Upgrade | undefined
  /** It asks for a WebSocket. */
  readonly websocket: boolean
  method: string
  /** The Host header, its port with it. */
  host: string
  /** Percent-encoded, in the one spelling by which it was routed and judged. */
  path: string
  /** With its question mark; empty when there is none. */
  query: string
  /** The lines for the service. Middlewares read and change them; what belongs to the connection goes at the very end. */
  headers: HeaderTable
  /** The body instead of the client's, once it was read or replaced. */
  body: Buffer | undefined
  /** A middleware deleted X-Forwarded-For: none is sent. */
  dropForwardedFor = false
  readonly notes: Notes
  #queryValues: Map<string, string[]> | undefined
  #routingPath: string | undefined

  constructor(given: {
    req: IncomingMessage
    entryPoint: string
    secure: boolean
    peer: string
    peerPort: number
    keepForwardedFor: boolean
    upgrade: Upgrade | undefined
    websocket: boolean
    host: string
    path: string
    query: string
    headers: HeaderTable
  }) {
    this.req = given.req
    this.entryPoint = given.entryPoint
    this.secure = given.secure
    this.peer = given.peer
    this.peerPort = given.peerPort
    this.keepForwardedFor = given.keepForwardedFor
    this.upgrade = given.upgrade
    this.websocket = given.websocket
    this.method = given.req.method ?? 'GET'
    this.host = given.host
    this.path = given.path
    this.query = given.query
    this.headers = given.headers
    this.notes = { originBytes: 0, retries: 0 }
  }

  get canonicalHost(): string {
    return canonicalHost(this.host)
  }

  get routingPath(): string {
    this.#routingPath ??= routingPathOf(this.path)
    return this.#routingPath
  }

  headerValues(key: string): readonly string[] {
    return this.headers.has(key) ? this.headers.all(key) : []
  }

  queryValues(key: string): readonly string[] | undefined {
    this.#queryValues ??= parseQuery(this.query)
    return this.#queryValues.get(key)
  }

  /** Whether the client sends a body; one that was read counts as well. */
  get hasBody(): boolean {
    return this.body !== undefined ? this.body.length > 0 : announcesBody(this.req)
  }

  /** A request of the gateway's own beside this one (forwardAuth, error pages, mirrors): same client, its own lines and body. */
  aside(change: { method?: string; host?: string; path?: string; query?: string; headers?: HeaderTable; body: Buffer }): Flight {
    const copy = new Flight({
      req: this.req,
      entryPoint: this.entryPoint,
      secure: this.secure,
      peer: this.peer,
      peerPort: this.peerPort,
      keepForwardedFor: this.keepForwardedFor,
      upgrade: undefined,
      websocket: false,
      host: change.host ?? this.host,
      path: change.path ?? this.path,
      query: change.query ?? this.query,
      headers: change.headers ?? this.headers.copy(),
    })
    copy.method = change.method ?? this.method
    copy.body = change.body
    return copy
  }
}

/** Answers a request: a service, or a middleware before one. A rejection is a bug, answered with 500. */
export type Handle = (flight: Flight, answer: Answer) => void | Promise<void>

export const notFound: Handle = (_, answer) => respond(answer, 404, '404 page not found\n', TEXT)

export const TEXT = ['Content-Type', 'text/plain; charset=utf-8', 'X-Content-Type-Options', 'nosniff'] as const

export function canonicalHost(host: string): string {
  const colon = host.lastIndexOf(':')
  const name = colon > 0 && !host.endsWith(']') ? host.slice(0, colon) : host
  return name.replace(/^\[|\]$/g, '').toLowerCase()
}

const RESERVED = new Set(['3A', '2F', '3F', '23', '5B', '5D', '40', '21', '24', '26', '27', '28', '29', '2A', '2B', '2C', '3B', '3D', '25'])

/** Characters that are not reserved are decoded, so that rules may be written as they read. */
function routingPathOf(path: string): string {
  if (!path.includes('%')) return path
  return path.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
    let out = ''
    let bytes: number[] = []
    const flush = () => {
      out += Buffer.from(bytes).toString('utf8')
      bytes = []
    }
    for (let at = 0; at < run.length; at += 3) {
      const hex = run.slice(at + 1, at + 3).toUpperCase()
      if (RESERVED.has(hex)) {
        flush()
        out += `%${hex}`
      } else bytes.push(Number.parseInt(hex, 16))
    }
    flush()
    return out
  })
}

function parseQuery(query: string): Map<string, string[]> {
  const values = new Map<string, string[]>()
  for (const [key, value] of new URLSearchParams(query.slice(1))) {
    const list = values.get(key)
    if (list) list.push(value)
    else values.set(key, [value])
  }
  return values
}
