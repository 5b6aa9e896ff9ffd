// The HTTP face: one table of routes, each with its own way of authorizing and of reading a body.
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Handler } from '../../../http/handler.ts'
import type { RealtimeState } from '../state.ts'
import { answerJson, answerText } from './answer.ts'
import { ping } from './ping.ts'

export interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** Percent-decoded parts of the path that the pattern left open. */
  readonly params: readonly string[]
  readonly query: URLSearchParams
}

export type RouteHandler = (exchange: Exchange, state: RealtimeState) => Promise<void> | void

export interface Route {
  readonly methods: readonly string[]
  readonly path: RegExp
  readonly handle: RouteHandler
}

const ROUTES: readonly Route[] = [
  { methods: ['GET', 'HEAD'], path: /^\/healthcheck$/, handle: ({ res }) => answerText(res, 200, 'ok') },
  { methods: ['GET', 'HEAD'], path: /^\/api\/ping$/, handle: ping },
]

export function openApp(state: RealtimeState): Handler {
  return (req, res) => {
    const url = req.url ?? '/'
    const at = url.indexOf('?')
    const path = at < 0 ? url : url.slice(0, at)
    const query = new URLSearchParams(at < 0 ? '' : url.slice(at + 1))
    res.setHeader('x-request-id', randomUUID())
    for (const route of ROUTES) {
      const found = route.path.exec(path)
      if (found === null || !route.methods.includes(req.method ?? 'GET')) continue
      const params = decoded(found.slice(1))
      if (params === undefined) return answerJson(res, 400, { errors: { detail: 'Bad Request' } })
      void serve(route, { req, res, params, query }, state)
      return
    }
    answerJson(res, 404, { errors: { detail: 'Not Found' } })
  }
}

async function serve(route: Route, exchange: Exchange, state: RealtimeState): Promise<void> {
  try {
    await route.handle(exchange, state)
  } catch (error) {
    state.log.error({ err: error, path: route.path.source }, 'a request failed')
    if (exchange.res.headersSent) exchange.res.destroy()
    else answerJson(exchange.res, 500, { message: 'Internal Server Error' })
  }
}

function decoded(parts: readonly string[]): string[] | undefined {
  try {
    return parts.map((part) => decodeURIComponent(part ?? ''))
  } catch {
    return undefined // a percent sign that begins no escape
  }
}
