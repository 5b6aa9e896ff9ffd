// The admin API (KONG_ADMIN_LISTEN): entities to read, the whole configuration to replace. Upstream: Kong's, without a database.
// It shows keys, so a browser on another origin, or under another name, gets nothing.
import type { IncomingMessage } from 'node:http'
import type { Handler } from '../../../http/handler.ts'
import { ConfigurationError } from '../config/load.ts'
import { SERVER } from '../response-head.ts'
import { answerMetrics, statusBody } from '../status.ts'
import { collections, showEntities } from './entities.ts'
import { type AdminSource, answer, NOT_FOUND, type Reply } from './source.ts'
import { listUpstreamHealth, NODE_ID, upstreamNamed } from './upstream-health.ts'

const MAX_CONFIGURATION_BYTES = 16 * 1024 * 1024

export function adminHandler(source: AdminSource): Handler {
  return (req, res) => {
    if (!isLocal(req)) {
      answer(res, { status: 403, body: { message: 'the admin API answers pages of this machine alone, and under its own names' } })
      return
    }
    res.setHeader('vary', 'Origin')
    res.setHeader('access-control-allow-origin', req.headers.origin ?? '*')
    const url = URL.canParse(req.url ?? '/', 'http://admin') ? new URL(req.url ?? '/', 'http://admin') : undefined
    const segments = url && segmentsOf(url)
    if (!url || !segments) answer(res, NOT_FOUND)
    else if (req.method === 'OPTIONS')
      res.writeHead(204, { 'access-control-allow-methods': 'GET, HEAD, POST, PUT', 'access-control-allow-headers': 'Content-Type' }).end()
    else if (req.method === 'POST' && segments.join('/') === 'config')
      replaceConfiguration(req, source).then(
        (reply) => answer(res, reply),
        () => res.destroy(),
      )
    else if (req.method !== 'GET' && req.method !== 'HEAD')
      answer(res, setsHealth(segments) ? setHealth(segments, source) : unwritable(req, segments))
    else if (segments.join('/') === 'metrics') answerMetrics(res, source)
    else answer(res, show(segments, url, source))
  }
}

function segmentsOf({ pathname }: URL): string[] | undefined {
  try {
    return pathname.split('/').filter(Boolean).map(decodeURIComponent)
  } catch {
    // A bad escape names nothing.
    return undefined
  }
}

function show(segments: readonly string[], url: URL, source: AdminSource): Reply {
  switch (segments.join('/')) {
    case '':
      return { status: 200, body: information(source) }
    case 'status':
      return { status: 200, body: statusBody(source) }
    case 'config':
      return { status: 200, body: { config: source.configuration() } }
    case 'plugins/enabled':
      return { status: 200, body: { enabled_plugins: source.plugins() } }
    default: {
      const health = listUpstreamHealth(segments, source)
      return health ? { status: 200, body: health } : showEntities(segments, url, source)
    }
  }
}

function information(source: AdminSource): object {
  return {
    version: SERVER.split('/')[1],
    tagline: 'Welcome to kong',
    hostname: 'plinth',
    node_id: NODE_ID,
    lua_version: 'none',
    pids: { master: process.pid, workers: [process.pid] },
    plugins: {
      available_on_server: Object.fromEntries(source.plugins().map((name) => [name, true])),
      enabled_in_cluster: [...new Set(source.plan().entities.plugins.map(({ fields }) => fields.name))],
    },
    configuration: source.settings(),
    timers: { pending: 0, running: 0 },
  }
}

const READABLE: ReadonlySet<string> = new Set(['status', 'config', 'metrics'])

function unwritable({ method }: IncomingMessage, segments: readonly string[]): Reply {
  const kind = collections.get(segments[0] ?? '')
  if (!kind)
    return segments.length > 0 && !READABLE.has(segments[0]!) ? NOT_FOUND : { status: 405, body: { message: 'Method not allowed' } }
  const inner = segments.length > 2 ? (collections.get(segments[2]!) ?? kind) : kind
  const verb = method === 'POST' ? 'create' : method === 'DELETE' ? 'remove' : method === 'PUT' ? 'create or update' : 'update'
  const message = `cannot ${verb} '${inner}' entities when not using a database`
  return { status: 405, body: { message, name: 'operation unsupported', code: 12 } }
}

const setsHealth = (segments: readonly string[]): boolean =>
  segments[0] === 'upstreams' && segments[2] === 'targets' && ['healthy', 'unhealthy'].includes(segments.at(-1) ?? '')

/** `/upstreams/{u}/targets/{t}/healthy`, also with the address between: a person's word counts like a check's. */
function setHealth(segments: readonly string[], source: AdminSource): Reply {
  const wanted = segments[3]!
  const id = source.plan().entities.targets.find((target) => target.id === wanted)?.fields.target ?? wanted
  const peer = upstreamNamed(segments[1]!, source)?.peers.find(({ name, host }) => name === id || host === id)
  if (!peer || segments.length > 6) return NOT_FOUND
  peer.healthy = segments.at(-1) === 'healthy'
  return { status: 204, body: undefined }
}

async function replaceConfiguration(req: IncomingMessage, source: AdminSource): Promise<Reply> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > MAX_CONFIGURATION_BYTES) return { status: 413, body: { message: 'Payload too large' } }
    pieces.push(piece)
  }
  try {
    await source.replace(configurationIn(Buffer.concat(pieces).toString('utf8'), req.headers['content-type'] ?? ''))
    return { status: 201, body: { configuration_hash: source.configurationHash() } }
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    return { status: 400, body: { code: 14, name: 'invalid declarative configuration', message: error.message, fields: error.fields } }
  }
}

/** The document itself, or within a form or an object under `config`. */
function configurationIn(body: string, type: string): string {
  if (type.startsWith('application/x-www-form-urlencoded')) return new URLSearchParams(body).get('config') ?? ''
  if (!type.startsWith('application/json')) return body
  try {
    const given: unknown = JSON.parse(body)
    if (typeof given === 'object' && given !== null && 'config' in given && typeof given.config === 'string') return given.config
  } catch {
    // The reader of the configuration says what is wrong with it.
  }
  return body
}

const LOCAL_NAME = /^(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]|[a-z0-9-]+)(?::\d+)?$/i
const LOCAL_ORIGIN = /^https?:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i

/** In a browser, a name with a dot could be anybody's, pointed here to get round the same-origin rule. */
function isLocal({ headers }: IncomingMessage): boolean {
  if (headers.origin !== undefined && !LOCAL_ORIGIN.test(headers.origin)) return false
  const browser = headers['sec-fetch-site'] !== undefined || headers.origin !== undefined || /Mozilla/.test(headers['user-agent'] ?? '')
  return !browser || LOCAL_NAME.test(headers.host ?? '')
}
