// The HTTP face: Fastify's router, bodies as text up to a bound, CORS, and upstream's answers to what no route knows.
import { randomUUID } from 'node:crypto'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { answer } from './answer.ts'
import { errors } from './errors.ts'
import { clientAddress } from './request/address.ts'
import type { Answer, Call } from './request/call.ts'
import { corsHeaders, preflight } from './request/cors.ts'
import { externalUrl } from './request/external-host.ts'
import { refuse } from './respond.ts'
import type { Route } from './route.ts'
import type { AuthState } from './state.ts'

const MAX_BODY_BYTES = 1_048_576
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

export async function buildApp(state: AuthState, routes: readonly Route[]): Promise<FastifyInstance> {
  const app = Fastify({ logger: false, bodyLimit: MAX_BODY_BYTES, exposeHeadRoutes: false, genReqId: requestId(state) })
  app.removeAllContentTypeParsers()
  // The content type is not looked at: every body is JSON, or a form where a route reads forms.
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(corsHeaders(request.headers.origin))
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method'])
      return reply.code(204).headers(preflight(request.headers, state.env.GOTRUE_CORS_ALLOWED_HEADERS)).send()
    return undefined
  })
  app.setErrorHandler((error: Error & { code?: string; statusCode?: number }, request, reply) => {
    const known = error.code === 'FST_ERR_CTP_BODY_TOO_LARGE' ? errors.bodyTooLarge() : error
    return send(reply, refuse(known, { id: request.id, version: request.headers['x-supabase-api-version'] }, state.log))
  })
  app.setNotFoundHandler((_request, reply) => reply.code(404).type('text/plain; charset=utf-8').send('404 page not found\n'))
  for (const route of routes)
    app.route({ method: route.method, url: route.path, handler: (request, reply) => serve(route, state, request, reply) })
  for (const url of new Set(routes.map(({ path }) => path))) {
    const known = new Set(routes.filter(({ path }) => path === url).map(({ method }) => method as string))
    app.route({ method: METHODS.filter((method) => !known.has(method)), url, handler: (_request, reply) => reply.code(405).send() })
  }
  await app.ready()
  return app
}

const requestId = (state: AuthState) => {
  const name = (state.env.GOTRUE_API_REQUEST_ID_HEADER ?? state.env.REQUEST_ID_HEADER ?? '').toLowerCase()
  return (request: { headers: Record<string, string | string[] | undefined> }): string => {
    const given = name === '' ? undefined : request.headers[name]
    return typeof given === 'string' && given !== '' ? given : randomUUID()
  }
}

async function serve(route: Route, state: AuthState, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const began = performance.now()
  const call = callOf(state, request)
  let result: Answer
  try {
    result = await answer(route, call, state)
    if (route.method !== 'GET' && result.status < 300) state.cleanup?.step(state.pool)
  } catch (error) {
    result = refuse(error, { id: call.id, version: request.headers['x-supabase-api-version'] }, state.log)
  }
  state.metrics.answered(call.method, route.path, result.status, (performance.now() - began) / 1_000, result.headers?.['x-sb-error-code'])
  for (const [name, value] of call.answerHeaders) reply.header(name, value)
  return send(reply, result)
}

function callOf(state: AuthState, request: FastifyRequest): Call {
  const url = request.raw.url ?? '/'
  const at = url.indexOf('?')
  return {
    id: request.id,
    method: request.method,
    path: at < 0 ? url : url.slice(0, at),
    query: new URLSearchParams(at < 0 ? '' : url.slice(at + 1)),
    params: (request.params ?? {}) as Readonly<Record<string, string>>,
    headers: request.headers,
    body: typeof request.body === 'string' ? request.body : '',
    address: clientAddress(request.headers, request.raw.socket.remoteAddress ?? '', state.env.GOTRUE_SECURITY_SB_FORWARDED_FOR_ENABLED),
    externalUrl: externalUrl(request.headers, state.env.API_EXTERNAL_URL, state.env.GOTRUE_MAILER_EXTERNAL_HOSTS),
    answerHeaders: new Map(),
  }
}

function send(reply: FastifyReply, { status, json, text, headers }: Answer): FastifyReply {
  reply.code(status)
  for (const [name, value] of Object.entries(headers ?? {})) reply.header(name, value)
  if (text !== undefined) return reply.send(text)
  if (json === undefined) return reply.send()
  return reply.header('content-type', 'application/json').send(JSON.stringify(json))
}
