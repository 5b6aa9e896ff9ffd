// Names to handlers: where `http://rest:3000` runs in this process, a request is handed over without a socket. This module alone
// changes a request's url and headers, and it changes all of Node's views of them together.
import { IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Endpoint } from '../service/definition.ts'

/** Header lines in order, as they go to the upstream, in the form of Node's rawHeaders: name, value, name, value; names as written. */
export type HeaderLines = readonly string[]

export interface Rewrite {
  /** Path and query, beginning with a slash. */
  readonly url: string
  readonly headers: HeaderLines
  /** Defaults to the request's own. */
  readonly method?: string
  /** A body instead of the request's own, which has been read then. Its length stands in `headers`. */
  readonly body?: Buffer
}

export class Dispatcher {
  readonly #endpoints = new Map<string, Endpoint>()
  readonly #addresses = new Map<string, string>()
  readonly #absent = new Map<string, string>()

  /** Announces the endpoints of a running service under its name and aliases. Returns what takes them back. */
  register(names: readonly string[], endpoints: readonly Endpoint[]): () => void {
    const keys = names.flatMap((name) => endpoints.map((endpoint) => [`${name.toLowerCase()}:${endpoint.port}`, endpoint] as const))
    for (const [key, endpoint] of keys) this.#endpoints.set(key, endpoint)
    return () => {
      for (const [key, endpoint] of keys) if (this.#endpoints.get(key) === endpoint) this.#endpoints.delete(key)
    }
  }

  /** Announces that `http://<name>:<port>` (every port, without one) is reached at `origin`: a child process, or a server elsewhere. */
  registerAddress(names: readonly string[], port: number | undefined, origin: string): () => void {
    const keys = names.map((name) => `${name.toLowerCase()}:${port ?? '*'}`)
    for (const key of keys) this.#addresses.set(key, origin)
    return () => {
      for (const key of keys) if (this.#addresses.get(key) === origin) this.#addresses.delete(key)
    }
  }

  /** The origin under which `host:port` is to be reached over the network instead of by its name. */
  address(host: string, port: number): string | undefined {
    const name = host.toLowerCase()
    return this.#addresses.get(`${name}:${port}`) ?? this.#addresses.get(`${name}:*`)
  }

  /** Declares a name that this stack knows but does not run, with the sentence that its routes answer (503). */
  declareAbsent(names: readonly string[], reason: string): void {
    for (const name of names) this.#absent.set(name.toLowerCase(), reason)
  }

  /** The endpoint of `host:port` in this process, if it runs here. */
  resolve(host: string, port: number): Endpoint | undefined {
    return this.#endpoints.get(`${host.toLowerCase()}:${port}`)
  }

  /** Why nothing answers under this name, if it is one that the stack left out or has not (re)started yet. */
  absence(host: string): string | undefined {
    return this.#absent.get(host.toLowerCase())
  }

  /** Whether the name belongs to this stack at all: such a name is never looked up by DNS. */
  knows(host: string): boolean {
    const name = host.toLowerCase()
    if (this.#absent.has(name)) return true
    for (const key of [...this.#endpoints.keys(), ...this.#addresses.keys()]) if (key.slice(0, key.lastIndexOf(':')) === name) return true
    return false
  }
}

/** Hands the request to an endpoint of this process, with the url and headers that the upstream is meant to see. */
export function handOver(endpoint: Endpoint, req: IncomingMessage, res: ServerResponse, rewrite: Rewrite): void {
  const given = rewrite.body === undefined ? req : withBody(req, rewrite.body)
  applyRewrite(given, rewrite)
  endpoint.handle(given, res)
}

/** The same request with a body that was read or made by somebody else: a message of its own on the same connection. */
function withBody(req: IncomingMessage, body: Buffer): IncomingMessage {
  const copy = new IncomingMessage(req.socket)
  copy.httpVersion = req.httpVersion
  copy.httpVersionMajor = req.httpVersionMajor
  copy.httpVersionMinor = req.httpVersionMinor
  if (req.method !== undefined) copy.method = req.method
  copy.complete = true
  if (body.length > 0) copy.push(body)
  copy.push(null)
  return copy
}

export function handOverUpgrade(endpoint: Endpoint, req: IncomingMessage, socket: Duplex, head: Buffer, rewrite: Rewrite): boolean {
  if (!endpoint.upgrade) return false
  applyRewrite(req, rewrite)
  endpoint.upgrade(req, socket, head)
  return true
}

// Of these Node keeps the first value when a header is repeated (https://nodejs.org/api/http.html#messageheaders).
const FIRST_WINS = new Set([
  'age',
  'authorization',
  'content-length',
  'content-type',
  'etag',
  'expires',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
])

/** Replaces url, method, headers, rawHeaders and headersDistinct of a request at once. Takes the lines over: they are the request's own from here. */
export function applyRewrite(req: IncomingMessage, { url, headers, method }: Rewrite): void {
  req.url = url
  if (method !== undefined) req.method = method
  req.rawHeaders = headers as string[]
  if (LINE_COUNT !== undefined && LINE_COUNT in req) {
    // Node builds both views from rawHeaders when they are first read: cheaper than to build what nobody may ask for, and its own rules.
    ;(req as unknown as Record<symbol, unknown>)[LINE_COUNT] = headers.length
    req.headers = undefined as unknown as IncomingMessage['headers']
    req.headersDistinct = undefined as unknown as NodeJS.Dict<string[]>
    return
  }
  const { joined, distinct } = viewsOf(headers)
  req.headers = joined as IncomingMessage['headers']
  req.headersDistinct = distinct
}

/** Where Node keeps how many entries of rawHeaders its views are built from; undefined if this Node does it in another way. */
const LINE_COUNT = lineCountSymbol()

function lineCountSymbol(): symbol | undefined {
  const probe = new IncomingMessage(undefined as unknown as Socket)
  const symbol = Object.getOwnPropertySymbols(probe).find(({ description }) => description === 'kHeadersCount')
  if (symbol === undefined) return undefined
  const before = probe.headers
  probe.rawHeaders = ['A', '1', 'a', '2']
  ;(probe as unknown as Record<symbol, unknown>)[symbol] = 4
  probe.headers = undefined as unknown as IncomingMessage['headers']
  probe.headersDistinct = undefined as unknown as NodeJS.Dict<string[]>
  const works = before !== probe.headers && probe.headers['a'] === '1, 2' && probe.headersDistinct['a']?.length === 2
  return works ? symbol : undefined
}

/** The two views of header lines by Node's rules. */
export function viewsOf(headers: HeaderLines): { joined: NodeJS.Dict<string | string[]>; distinct: NodeJS.Dict<string[]> } {
  const joined: NodeJS.Dict<string | string[]> = Object.create(null)
  const distinct: NodeJS.Dict<string[]> = Object.create(null)
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const value = headers[i + 1]!
    const key = headers[i]!.toLowerCase()
    const values = distinct[key]
    if (values === undefined) {
      distinct[key] = [value]
      joined[key] = key === 'set-cookie' ? [value] : value
      continue
    }
    values.push(value)
    if (key === 'set-cookie') (joined[key] as string[]).push(value)
    else if (!FIRST_WINS.has(key)) joined[key] = `${joined[key] as string}${key === 'cookie' ? '; ' : ', '}${value}`
  }
  return { joined, distinct }
}
