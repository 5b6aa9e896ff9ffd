// One request from its URL to its answer: who may ask, what is asked, the work, the headers. Errors become texts here and nowhere else.
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from '../../log/log.ts'
import { contentDisposition } from './content-disposition.ts'
import type { ImgproxyEnv } from './env.ts'
import { IMGPROXY_ERRORS, ImgproxyError } from './errors.ts'
import { etagOf, knownResult, optionsHash } from './etag.ts'
import { FORMATS } from './formats.ts'
import type { ImgproxyMetrics } from './metrics.ts'
import type { Outcome, SourceFacts } from './pool/messages.ts'
import type { ImagePool } from './pool/pool.ts'
import type { IsAllowed } from './url/allowed.ts'
import { acceptedBy } from './url/negotiate.ts'
import type { ProcessingOptions } from './url/options.ts'
import { parsePath, splitSignature } from './url/parse.ts'
import type { CheckSignature } from './url/signature.ts'

export interface State {
  readonly env: ImgproxyEnv
  readonly pool: ImagePool
  readonly log: Logger
  readonly checkSignature: CheckSignature
  readonly isAllowed: IsAllowed
  readonly vary: string
  readonly metrics: ImgproxyMetrics | undefined
  inFlight: number
}

export async function answer(req: IncomingMessage, res: ServerResponse, state: State): Promise<void> {
  const { env, metrics } = state
  const id = requestId(req)
  res.setHeader('Server', 'imgproxy')
  res.setHeader('X-Request-Id', id)
  if (env.IMGPROXY_ALLOW_ORIGIN !== undefined) {
    res.setHeader('Access-Control-Allow-Origin', env.IMGPROXY_ALLOW_ORIGIN)
    res.setHeader('Access-Control-Allow-Methods', 'GET, OPTIONS')
  }
  if (answerPlainly(req, res, env)) return
  const begun = performance.now()
  state.inFlight++
  try {
    if (state.inFlight > env.IMGPROXY_MAX_CLIENTS)
      throw new ImgproxyError('too_many_requests', 'IMGPROXY_MAX_CLIENTS requests are in flight')
    await answerImage(req, res, state)
  } catch (error) {
    refuse(res, error, id, state)
  } finally {
    state.inFlight--
    metrics?.observe(res.statusCode, (performance.now() - begun) / 1_000)
  }
}

const HEALTH = 'imgproxy is running'
const LANDING = `<!doctype html><html lang="en"><meta charset="utf-8"><title>imgproxy</title><p>${HEALTH}.</p></html>`

/** What needs no picture: the health check, the page at the root, methods without an answer of their own. */
function answerPlainly(req: IncomingMessage, res: ServerResponse, env: ImgproxyEnv): boolean {
  const path = (req.url ?? '/').replace(/[?#].*$/, '')
  const local =
    env.IMGPROXY_PATH_PREFIX !== '' && path.startsWith(env.IMGPROXY_PATH_PREFIX) ? path.slice(env.IMGPROXY_PATH_PREFIX.length) : path
  if (req.method === 'HEAD' || req.method === 'OPTIONS') res.writeHead(200).end()
  else if (req.method !== 'GET') return false
  else if (local === '/' || local === '') res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(LANDING)
  else if (local === '/favicon.ico') res.writeHead(200, { 'Content-Length': 0 }).end()
  else if (path === '/health' || local === '/health' || (env.IMGPROXY_HEALTH_CHECK_PATH !== '' && path === env.IMGPROXY_HEALTH_CHECK_PATH))
    res.writeHead(200, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-cache', 'Content-Length': HEALTH.length }).end(HEALTH)
  else return false
  return true
}

async function answerImage(req: IncomingMessage, res: ServerResponse, state: State): Promise<void> {
  const { env, pool } = state
  if (req.method !== 'GET') throw new ImgproxyError('invalid_url', `${req.method} is not for pictures`)
  checkSecret(req.headers.authorization, env.IMGPROXY_SECRET)
  const { signature, path } = splitSignature(req.url ?? '/', env.IMGPROXY_PATH_PREFIX)
  state.checkSignature(signature, path)
  const { options, source } = parsePath(path, env, acceptedBy(req.headers, env))
  if (!state.isAllowed(source)) throw new ImgproxyError('invalid_source', 'the source is not among IMGPROXY_ALLOWED_SOURCES')
  const { format } = options
  if (format !== undefined && !FORMATS[format].saves && format !== 'svg')
    throw new ImgproxyError('unsupported_result', `results cannot be ${format}`)

  const hash = env.IMGPROXY_USE_ETAG ? optionsHash(options, env.IMGPROXY_ETAG_BUSTER) : ''
  const known = env.IMGPROXY_USE_ETAG ? knownResult(req.headers['if-none-match'], hash) : {}
  const gone = new AbortController()
  res.once('close', () => gone.abort())
  const outcome = await pool.run(
    {
      source,
      options,
      wanted: { etag: known.sourceEtag, modifiedSince: env.IMGPROXY_USE_LAST_MODIFIED ? req.headers['if-modified-since'] : undefined },
      knownHash: known.sourceHash,
      hash: env.IMGPROXY_USE_ETAG,
    },
    gone.signal,
  )
  if (!res.destroyed) respond(res, outcome, { options, source, hash, state, clientEtag: req.headers['if-none-match'] })
}

interface Asked {
  readonly options: ProcessingOptions
  readonly source: string
  readonly hash: string
  readonly state: State
  readonly clientEtag: string | undefined
}

function respond(res: ServerResponse, outcome: Outcome, { options, source, hash, state, clientEtag }: Asked): void {
  const { env, vary } = state
  if (outcome.kind === 'error') throw new ImgproxyError(outcome.code, outcome.detail)
  const fallback = outcome.kind === 'image' ? outcome.fallback : undefined
  for (const [name, value] of Object.entries(cacheHeaders(options, outcome.facts, env, fallback !== undefined))) res.setHeader(name, value)
  if (vary !== '') res.setHeader('Vary', vary)
  const etag = env.IMGPROXY_USE_ETAG && fallback === undefined ? etagOf(hash, outcome.facts) : undefined
  if (outcome.kind === 'unchanged') {
    const sent = etag ?? clientEtag
    if (sent !== undefined) res.setHeader('ETag', sent)
    res.writeHead(304).end()
    return
  }
  const { mime, extension } = FORMATS[outcome.format]
  if (etag !== undefined) res.setHeader('ETag', etag)
  if (env.IMGPROXY_USE_LAST_MODIFIED && outcome.facts.lastModified !== undefined) res.setHeader('Last-Modified', outcome.facts.lastModified)
  const status = fallback === undefined ? 200 : env.IMGPROXY_FALLBACK_IMAGE_HTTP_CODE || IMGPROXY_ERRORS[fallback].status
  res.writeHead(status, {
    'Content-Type': mime,
    'Content-Disposition': contentDisposition(source, options.filename, extension, options.attachment),
    'Content-Security-Policy': "script-src 'none'",
    'Content-Length': outcome.bytes.length,
  })
  res.end(outcome.bytes)
}

function cacheHeaders(options: ProcessingOptions, facts: SourceFacts, env: ImgproxyEnv, fallback: boolean): Record<string, string> {
  let ttl = fallback && env.IMGPROXY_FALLBACK_IMAGE_TTL > 0 ? env.IMGPROXY_FALLBACK_IMAGE_TTL : env.IMGPROXY_TTL
  if (options.expires > 0) ttl = Math.min(ttl, Math.max(0, options.expires - Math.floor(Date.now() / 1_000)))
  else if (env.IMGPROXY_CACHE_CONTROL_PASSTHROUGH && !fallback) {
    if (facts.cacheControl !== undefined) return { 'Cache-Control': facts.cacheControl }
    const expires = facts.expires === undefined ? Number.NaN : Date.parse(facts.expires)
    if (!Number.isNaN(expires)) ttl = Math.max(0, Math.floor((expires - Date.now()) / 1_000))
  }
  if (ttl === 0) return { 'Cache-Control': 'no-cache' }
  return { 'Cache-Control': `max-age=${ttl}, public`, Expires: new Date(Date.now() + ttl * 1_000).toUTCString() }
}

function checkSecret(authorization: string | undefined, wanted: string | undefined): void {
  if (wanted === undefined) return
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  if (!timingSafeEqual(digest(authorization ?? ''), digest(`Bearer ${wanted}`))) throw new ImgproxyError('forbidden', 'the secret is wrong')
}

function requestId({ headers }: IncomingMessage): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && /^[\w-]{1,128}$/.test(given) ? given : randomUUID().replaceAll('-', '').slice(0, 21)
}

function refuse(res: ServerResponse, error: unknown, id: string, { env, log, metrics }: State): void {
  const known = error instanceof ImgproxyError ? error : new ImgproxyError('internal', 'a request failed by a bug', { cause: error })
  if (known.status >= 500) log.error({ err: known.cause ?? known, request: id }, known.message)
  else log.debug({ request: id, detail: known.message }, known.text)
  metrics?.failed(known.code)
  if (res.destroyed) return
  if (res.headersSent) {
    res.destroy()
    return
  }
  const text = env.IMGPROXY_DEVELOPMENT_ERRORS_MODE ? known.message : known.text
  res.removeHeader('ETag')
  res.writeHead(known.status, { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(text) }).end(text)
}
