// The only place that turns an error of a REST route into an answer, and the only one that logs it.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from '../../log/log.ts'
import { errors, StorageError } from './errors.ts'

export function refuse(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Logger): FastifyReply {
  const refused = storageErrorOf(error)
  const about = { request_id: request.id, code: refused.code, path: pathOnly(request.url) }
  if (refused.status >= 500) log.error({ ...about, err: refused.cause ?? refused }, refused.message)
  else log.debug(about, refused.message)
  if (reply.raw.headersSent) {
    // Half an answer is out: only the end of the connection tells the client.
    reply.raw.destroy()
    return reply
  }
  // A body that nobody reads to its end would be taken for the next request.
  if (!request.raw.readableEnded && !request.raw.complete) reply.header('connection', 'close')
  for (const [name, value] of Object.entries(refused.headers ?? {})) reply.header(name, value)
  reply.code(refused.httpStatus).header('content-type', 'application/json; charset=utf-8')
  return reply.send(JSON.stringify(refused))
}

/** What went wrong, as a StorageError: Fastify's own refusals and bugs too. */
export function storageErrorOf(error: unknown): StorageError {
  if (error instanceof StorageError) return error
  const { code, statusCode, message } = error as Error & { code?: string; statusCode?: number }
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new StorageError({
        code: 'EntityTooLarge',
        status: 413,
        error: 'Payload too large',
        message: 'Request body is too large',
        httpStatus: 413,
      })
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return errors.invalidContentType()
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return errors.invalidRequest(message, 'FastifyError')
    case 'ERR_INVALID_CHAR':
      return errors.invalidRequest(message, 'invalid_header_char')
  }
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return new StorageError({ code: 'InvalidRequest', status: statusCode, error: 'FastifyError', message, httpStatus: statusCode })
  return errors.internal(error)
}

/** Below these a missing route is an error of this API; elsewhere it is the framework's. */
const KNOWN = /^\/(?:bucket|object|render|cdn|vector)(?:[/?]|$)/

export function refuseUnknownRoute(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const message = `Route ${request.method}:${request.url} not found`
  const body = KNOWN.test(request.url)
    ? { statusCode: '404', error: 'Not Found', message, code: 'InvalidRequest' }
    : { message, error: 'Not Found', statusCode: 404 }
  return reply.code(404).header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(body))
}

const pathOnly = (url: string): string => url.split('?', 1)[0]!
