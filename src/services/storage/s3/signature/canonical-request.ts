// The text that a signature is over. Clients and proxies differ in a few spots (escapes of the path, blanks in headers, the host), and a
// signature over any of these readings is one over the same request: so several texts are offered, upstream's first.
import type { IncomingHttpHeaders } from 'node:http'
import { decodeLeniently, encodeRfc3986, type Pair } from '../uri.ts'
import type { Claim } from './claim.ts'
import { EMPTY_HASH } from './signing-key.ts'

export interface SignedRequest {
  readonly method: string
  /** As it was received, from `/s3` on. */
  readonly path: string
  readonly pairs: readonly Pair[]
  readonly headers: IncomingHttpHeaders
  /** What the client had before the path, the likeliest first. */
  readonly prefixes: readonly string[]
  readonly hosts: readonly string[]
}

const UNSIGNED = 'UNSIGNED-PAYLOAD'

/** At most some dozens; the right one is nearly always the first. */
export function* canonicalRequests(claim: Claim, request: SignedRequest): Generator<string> {
  const query = canonicalQuery(request.pairs)
  const names = [...claim.signedHeaders].sort()
  const payloads = payloadHashes(claim, request)
  for (const { host, path } of places(request)) {
    const heads = new Set([canonicalHeaders(names, request.headers, host, true), canonicalHeaders(names, request.headers, host, false)])
    for (const head of heads) for (const payload of payloads) yield [request.method, path, query, head, names.join(';'), payload].join('\n')
  }
}

interface Place {
  readonly host: string
  readonly path: string
}

function* places({ path, prefixes, hosts }: SignedRequest): Generator<Place> {
  const escaped = path
    .split('/')
    .map((part) => encodeRfc3986(decodeLeniently(part)))
    .join('/')
  const paths = path === escaped ? [path] : [path, escaped]
  const before = prefixes.map((prefix) => prefix.replace(/\/+$/, ''))
  for (const one of paths) for (const host of hosts) for (const prefix of before) yield { host, path: prefix + one || '/' }
  // s3cmd takes the whole endpoint, its path too, for the name of a host.
  const base = /^\/s3(?=\/|$)/.exec(path)?.[0]
  if (base === undefined) return
  for (const host of hosts) for (const prefix of before) yield { host: host + prefix + base, path: path.slice(base.length) || '/' }
}

function canonicalQuery(pairs: readonly Pair[]): string {
  return pairs
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [encodeRfc3986(name), encodeRfc3986(value)] as const)
    .sort(([a, x], [b, y]) => order(a, b) || order(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function canonicalHeaders(names: readonly string[], headers: IncomingHttpHeaders, host: string, squeeze: boolean): string {
  let text = ''
  for (const name of names) {
    const value = name === 'host' ? host : signedValue(name, headers)
    text += `${name}:${squeeze ? value.trim().replace(/\s+/g, ' ') : value.trim()}\n`
  }
  return text
}

function signedValue(name: string, headers: IncomingHttpHeaders): string {
  if (!Object.hasOwn(headers, name)) return name === 'content-length' ? '0' : ''
  // A CDN that rewrites the header keeps the client's own beside it.
  const value = (name === 'accept-encoding' ? headers['x-original-accept-encoding'] : undefined) ?? headers[name]
  return Array.isArray(value) ? value.join(',') : (value ?? '')
}

function payloadHashes(claim: Claim, { method, headers }: SignedRequest): string[] {
  if (claim.from === 'query') {
    const header = claim.signedHeaders.includes('x-amz-content-sha256') ? headers['x-amz-content-sha256'] : undefined
    if (typeof header === 'string') return [header]
    return method === 'GET' || claim.payload === undefined ? [UNSIGNED] : [claim.payload]
  }
  if (claim.payload !== undefined) return [claim.payload]
  const empty = headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0'
  return empty ? [UNSIGNED, EMPTY_HASH] : [UNSIGNED]
}
