// The HTTP face: one table of routes, each with its own way of authorizing and of reading a body.
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Handler } from '../../../http/handler.ts'
import type { RealtimeState } from '../state.ts'
import { answerEmpty, answerJson, answerText } from './answer.ts'
import { broadcastBatch } from './broadcast-batch.ts'
import { broadcastSingle } from './broadcast-single.ts'
import { SecretGate } from './caller.ts'
import { LongPolls } from './longpoll.ts'
import { metrics } from './metrics.ts'
import { openApi } from './openapi.ts'
import { ping } from './ping.ts'
import { listen } from './sse.ts'
import { deleteTenant, listTenants, reloadTenant, saveTenant, showTenant, shutdownTenant, tenantHealth } from './tenants.ts'
import { plainWebSocketRequest } from './websocket-request.ts'

export interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** Percent-decoded parts of the path that the pattern left open. */
  readonly params: readonly string[]
  readonly query: URLSearchParams
}

export type RouteHandler = (exchange: Exchange, state: RealtimeState) => Promise<void> | void

interface Route {
  readonly methods: readonly string[]
  readonly path: RegExp
  /** Who may; everybody, without it. Others get 403 and nothing else. */
  readonly gate?: SecretGate
  readonly handle: RouteHandler
}

export interface App {
  readonly handle: Handler
  close(): void
}

const READ = ['GET', 'HEAD'] as const
const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE, OPTIONS',
  'access-control-max-age': '600',
}

export function openApp(state: RealtimeState): App {
  const { env } = state
  const longPolls = new LongPolls(state)
  const admin = new SecretGate([env.API_JWT_SECRET, env.API_JWT_SECRET_NEXT], env.API_TOKEN_BLOCKLIST)
  const scraper = new SecretGate([env.METRICS_JWT_SECRET], env.METRICS_TOKEN_BLOCKLIST)
  const routes: readonly Route[] = [
    { methods: READ, path: /^\/healthcheck$/, handle: ({ res }) => answerText(res, 200, 'ok') },
    { methods: READ, path: /^\/(?:status)?$/, handle: ({ res }) => answerText(res, 200, 'Realtime is running') },
    { methods: READ, path: /^\/inspector$/, handle: ({ res }) => answerEmpty(res, 302, { location: '/' }) },
    { methods: READ, path: /^\/metrics(?:\/[^/]+)?$/, gate: scraper, handle: metrics },
    { methods: READ, path: /^\/api\/openapi$/, handle: openApi },
    { methods: READ, path: /^\/api\/ping$/, handle: ping },
    { methods: ['POST'], path: /^\/api\/broadcast$/, handle: broadcastBatch },
    { methods: ['POST'], path: /^\/api\/broadcast\/([^/]+)\/events\/([^/]+)$/, handle: broadcastSingle },
    { methods: READ, path: /^\/api\/tenants$/, gate: admin, handle: listTenants },
    { methods: ['POST'], path: /^\/api\/tenants$/, gate: admin, handle: saveTenant },
    { methods: READ, path: /^\/api\/tenants\/([^/]+)$/, gate: admin, handle: showTenant },
    { methods: ['PUT', 'PATCH'], path: /^\/api\/tenants\/([^/]+)$/, gate: admin, handle: saveTenant },
    { methods: ['DELETE'], path: /^\/api\/tenants\/([^/]+)$/, gate: admin, handle: deleteTenant },
    { methods: ['POST'], path: /^\/api\/tenants\/([^/]+)\/reload$/, gate: admin, handle: reloadTenant },
    { methods: ['POST'], path: /^\/api\/tenants\/([^/]+)\/shutdown$/, gate: admin, handle: shutdownTenant },
    { methods: READ, path: /^\/api\/tenants\/([^/]+)\/health$/, gate: admin, handle: tenantHealth },
    { methods: ['GET'], path: /^\/socket\/longpoll$/, handle: (exchange) => longPolls.poll(exchange) },
    { methods: ['POST'], path: /^\/socket\/longpoll$/, handle: (exchange) => longPolls.publish(exchange) },
    { methods: ['GET'], path: /^(?:\/socket)?\/sse$/, handle: listen },
    { methods: [...READ, 'POST', 'PUT', 'PATCH', 'DELETE'], path: /^\/socket\/websocket$/, handle: plainWebSocketRequest },
  ]
  return {
    handle(req, res) {
      const url = req.url ?? '/'
      const at = url.indexOf('?')
      const path = at < 0 ? url : url.slice(0, at)
      const query = new URLSearchParams(at < 0 ? '' : url.slice(at + 1))
      res.setHeader('x-request-id', randomUUID())
      if (req.method === 'OPTIONS') {
        const asked = req.headers['access-control-request-headers']
        answerEmpty(res, 204, { ...CORS, ...(asked === undefined ? {} : { 'access-control-allow-headers': asked }) })
        return
      }
      for (const route of routes) {
        const found = route.path.exec(path)
        if (found === null || !route.methods.includes(req.method ?? 'GET')) continue
        const params = decoded(found.slice(1))
        if (params === undefined) answerJson(res, 400, { errors: { detail: 'Bad Request' } })
        else void serve(route, { req, res, params, query }, state)
        return
      }
      req.resume()
      answerJson(res, 404, { errors: { detail: 'Not Found' } })
    },
    close: () => longPolls.close(),
  }
}

async function serve(route: Route, exchange: Exchange, state: RealtimeState): Promise<void> {
  const { req, res } = exchange
  try {
    if (route.gate !== undefined && !(await route.gate.admits(req))) {
      req.resume()
      answerEmpty(res, 403)
      return
    }
    await route.handle(exchange, state)
  } catch (error) {
    if (res.destroyed) return
    state.log.error({ err: error, path: route.path.source }, 'a request failed')
    if (res.headersSent) res.destroy()
    else answerJson(res, 500, { errors: { detail: 'Internal Server Error' } })
  }
}

function decoded(parts: readonly string[]): string[] | undefined {
  try {
    return parts.map((part) => decodeURIComponent(part ?? ''))
  } catch {
    return undefined // a percent sign that begins no escape
  }
}
