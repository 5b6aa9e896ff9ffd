// The HTTP face: Fastify's router, a scope for routes whose bodies are JSON and one for those whose bodies are bytes, upstream's errors.
import { randomUUID } from 'node:crypto'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { StorageContext } from './context.ts'
import { refuse, refuseUnknownRoute } from './respond.ts'

/** Of JSON bodies. */
const MAX_BODY_BYTES = 1_048_576
/** Of one parameter of a path, and so of an object's name. */
const MAX_PARAMETER_LENGTH = 2_500

/** Routes of one part of the service. Each gets a scope of its own: its parsers, hooks and error handler are nobody else's. */
export type Routes = (app: FastifyInstance, ctx: StorageContext) => void | Promise<void>

export interface Parts {
  /** JSON bodies, REST errors. */
  readonly json: readonly Routes[]
  /** Bodies left as they come (`request.raw`), REST errors. */
  readonly bytes: readonly Routes[]
  /** Everything is their own. */
  readonly own: readonly Routes[]
}

export async function buildApp(ctx: StorageContext, { json, bytes, own }: Parts): Promise<FastifyInstance> {
  const app = Fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    exposeHeadRoutes: false,
    genReqId: requestId(ctx),
    routerOptions: { maxParamLength: MAX_PARAMETER_LENGTH },
  })
  app.removeAllContentTypeParsers()
  app.setErrorHandler((error, request, reply) => refuse(error, request, reply, ctx.log))
  app.setNotFoundHandler(refuseUnknownRoute)
  await app.register(async (scope) => {
    acceptJson(scope)
    for (const routes of json) await routes(scope, ctx)
  })
  await app.register(async (scope) => {
    // The stream is the handler's to read: nothing is parsed, JSON neither.
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
    for (const routes of bytes) await routes(scope, ctx)
  })
  for (const routes of own) await app.register(async (scope) => routes(scope, ctx))
  await app.ready()
  return app
}

function acceptJson(scope: FastifyInstance): void {
  scope.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '' && mayBeEmpty(request)) return done(null, undefined)
    try {
      done(null, JSON.parse(body as string))
    } catch (error) {
      done(Object.assign(error as Error, { statusCode: 400, code: 'FST_ERR_CTP_INVALID_JSON_BODY' }))
    }
  })
  // A body of another type counts as none.
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null, undefined))
}

/** Clients announce JSON where they have none to send. */
const mayBeEmpty = ({ method, url }: FastifyRequest): boolean =>
  method === 'DELETE' || method === 'GET' || method === 'HEAD' || /^\/bucket\/[^/]+\/empty/.test(url)

const requestId =
  ({ config: { traceHeader } }: StorageContext) =>
  (request: { headers: Record<string, string | string[] | undefined> }): string => {
    const given = request.headers[traceHeader ?? 'sb-request-id'] ?? request.headers['x-request-id']
    return typeof given === 'string' && given !== '' ? given : randomUUID()
  }

export type { FastifyInstance, FastifyReply, FastifyRequest }
