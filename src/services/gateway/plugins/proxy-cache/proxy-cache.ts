// Answers again what the service answered a while ago. Upstream: Kong's `proxy-cache` with its memory strategy.
import { hash } from 'node:crypto'
import { z } from 'zod'
import { between, text, wholeNumber } from '../../config/fields.ts'
import type { Refusal } from '../../errors.ts'
import type { Exchange } from '../../exchange.ts'
import { definePlugin } from '../../plugin.ts'
import type { ResponseHead } from '../../response-head.ts'
import { directivesOf, freshSeconds, secondsOf } from './cache-control.ts'
import { type CachedAnswer, MemoryCache } from './memory-cache.ts'

const seconds = wholeNumber.refine((value) => value > 0, { error: 'value must be greater than 0' })

const config = z.strictObject({
  strategy: z.enum(['memory']),
  response_code: z.array(between(100, 900)).min(1).default([200, 301, 404]),
  request_method: z.array(z.enum(['HEAD', 'GET', 'POST', 'PATCH', 'PUT'])).default(['GET', 'HEAD']),
  content_type: z.array(text).default(['text/plain', 'application/json']),
  cache_ttl: seconds.default(300),
  cache_control: z.boolean().default(false),
  ignore_uri_case: z.boolean().default(false),
  storage_ttl: wholeNumber.optional(),
  vary_query_params: z.array(text).optional(),
  vary_headers: z.array(text).optional(),
  memory: z.strictObject({ dictionary_name: text.default('kong_db_cache') }).optional(),
  response_headers: z.unknown().optional(),
})
type Config = z.output<typeof config>

/** A longer answer is not kept. */
const MAX_BODY_BYTES = 8 * 1024 * 1024
/** Of the connection, or made anew for each answer. */
const NOT_KEPT = new Set([
  'content-length',
  'date',
  'age',
  'via',
  'x-cache-key',
  'x-cache-status',
  'x-kong-upstream-latency',
  'x-kong-proxy-latency',
  'x-kong-response-latency',
  'x-kong-request-id',
])

type Status = 'Miss' | 'Hit' | 'Refresh' | 'Bypass'
interface Note {
  status: Status
  readonly key: string | undefined
}

export const proxyCache = definePlugin({
  name: 'proxy-cache',
  priority: 100,
  config,
  phases: (config, { state, id }) => {
    const cache = state.of(MemoryCache)
    const notes = new WeakMap<Exchange, Note>()
    const methods: ReadonlySet<string> = new Set(config.request_method)
    const codes = new Set(config.response_code)
    const types = new Set(config.content_type)

    const find = (exchange: Exchange): Refusal | undefined => {
      const asked = directivesOf(exchange.headers.all('cache-control'))
      if (!methods.has(exchange.clientMethod) || (config.cache_control && (asked.has('no-store') || asked.has('no-cache')))) {
        notes.set(exchange, { status: 'Bypass', key: undefined })
        return undefined
      }
      const key = keyOf(exchange, config, id)
      const found = cache.get(key)
      notes.set(exchange, { status: found ? 'Refresh' : 'Miss', key })
      if (!found) return config.cache_control && asked.has('only-if-cached') ? exchange.fail('upstreamTimeout') : undefined
      const age = Math.floor((Date.now() - found.storedAt) / 1000)
      const fresh = config.cache_control
        ? age <= (secondsOf(asked, 'max-age') ?? Number.POSITIVE_INFINITY) &&
          age - found.ttl <= (secondsOf(asked, 'max-stale') ?? Number.POSITIVE_INFINITY) &&
          found.ttl - age >= (secondsOf(asked, 'min-fresh') ?? Number.NEGATIVE_INFINITY)
        : age <= config.cache_ttl
      if (!fresh) return undefined
      notes.set(exchange, { status: 'Hit', key })
      exchange.replayed = true
      return { status: found.status, body: found.body, contentType: undefined, headers: [...found.headers, ['Age', String(age)]] }
    }

    return {
      access: find,
      headers: (exchange, head) => {
        const note = notes.get(exchange)
        if (!note) return
        if ((note.status === 'Miss' || note.status === 'Refresh') && !isKept(exchange, head, config, codes, types)) note.status = 'Bypass'
        head.headers.set('X-Cache-Status', note.status)
        if (note.key !== undefined) head.headers.set('X-Cache-Key', note.key)
      },
      body: (exchange, head) => {
        const note = notes.get(exchange)
        if (!note?.key || (note.status !== 'Miss' && note.status !== 'Refresh')) return undefined
        const { key } = note
        const kept = headersOf(head)
        const ttl = config.cache_control ? freshOf(head) : config.cache_ttl
        return gather((body) => {
          const answer: CachedAnswer = { status: head.status, headers: kept, body, storedAt: Date.now(), ttl }
          cache.put(key, answer, config.storage_ttl ?? ttl)
        })
      },
    }
  },
})

/** Hands every piece on, and the whole to `done` if it ends and is not too long. */
function gather(done: (body: Buffer) => void) {
  let pieces: Buffer[] | undefined = []
  let bytes = 0
  return {
    write: (piece: Buffer) => {
      bytes += piece.length
      if (bytes > MAX_BODY_BYTES) pieces = undefined
      pieces?.push(piece)
      return piece
    },
    end: () => {
      if (pieces) done(Buffer.concat(pieces))
      return undefined
    },
  }
}

const freshOf = ({ headers }: ResponseHead) => freshSeconds(directivesOf(headers.all('cache-control')), headers.get('expires'), Date.now())

function isKept(exchange: Exchange, head: ResponseHead, config: Config, codes: ReadonlySet<number>, types: ReadonlySet<string>): boolean {
  const { headers, status } = head
  // Only what a service answered is kept, and nothing that is meant for one client alone.
  if (exchange.answeredAt === undefined || !codes.has(status) || headers.has('set-cookie')) return false
  const type = headers.get('content-type')
  if (!type || headers.repeated('content-type') || !types.has(type)) return false
  if (!config.cache_control) return true
  const told = directivesOf(headers.all('cache-control'))
  if (told.has('private') || told.has('no-store') || told.has('no-cache')) return false
  return freshOf(head) > 0
}

function headersOf({ headers }: ResponseHead): [string, string][] {
  return headers.keys().flatMap((key, at) => (NOT_KEPT.has(key) ? [] : [[headers.nameAt(at), headers.valueAt(at)] as [string, string]]))
}

/**
 * Who asks, what for, and what the answer may depend on. Beside what upstream looks at, the credentials that a service may decide by: a
 * signed-in user's rows are never another's.
 */
function keyOf(exchange: Exchange, config: Config, id: string): string {
  const { consumer, route, clientMethod, target, headers } = exchange
  const uri = config.ignore_uri_case ? target.path.toLowerCase() : target.path
  const parameters = exchange.query
    .entries()
    .filter(({ name }) => !config.vary_query_params || config.vary_query_params.includes(name))
    .map(({ name, value }) => [name, value ?? true])
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  const varying = [...(config.vary_headers ?? []).map((name) => name.toLowerCase()).sort(), 'authorization', 'cookie', 'range']
  const parts = [
    id,
    consumer?.id ?? '',
    route.id,
    clientMethod,
    target.host.toLowerCase(),
    uri,
    parameters,
    varying.map((key) => [key, headers.all(key)]),
  ]
  return hash('md5', JSON.stringify(parts))
}
