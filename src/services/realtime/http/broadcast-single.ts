// POST /api/broadcast/:topic/events/:event: one message, JSON or bytes.
import { ProbeError } from '../authorization/probe.ts'
import type { RealtimeState } from '../state.ts'
import { answerEmpty, answerJson } from './answer.ts'
import type { Exchange } from './app.ts'
import { BodyTooLarge, readBody } from './body.ts'
import { MAX_BODY_BYTES } from './broadcast-batch.ts'
import { tenantOf, userOf } from './caller.ts'
import { maySend, sendUser, unasked } from './send.ts'

export async function broadcastSingle(exchange: Exchange, state: RealtimeState): Promise<void> {
  const { req, res, query, params } = exchange
  const [topic = '', event = ''] = params
  res.setHeader('access-control-allow-origin', '*')
  const type = (req.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase()
  const binary = type === 'application/octet-stream'
  if (type !== '' && type !== 'application/json' && !binary) {
    req.resume()
    return answerJson(res, 415, { error: 'Unsupported Media Type. Use application/json or application/octet-stream' })
  }
  const body = await readBody(req, MAX_BODY_BYTES).catch((error: unknown) => {
    if (error instanceof BodyTooLarge) return undefined
    throw error
  })
  const tenant = await tenantOf(exchange, state)
  if (tenant === undefined) return
  const token = await userOf(exchange, tenant)
  if (token === undefined) return
  if (tenant.record.suspend) return answerJson(res, 403, { message: 'Tenant is suspended' })
  const data = body === undefined || binary ? body : jsonPayload(body)
  if (data === 'malformed') return answerJson(res, 400, { errors: { detail: 'Bad Request' } })
  if (data === undefined || data.length > tenant.maxPayloadBytes)
    return answerJson(res, 422, { errors: { payload: ['Payload size exceeds tenant limit'] } })
  const { average, limit } = tenant.rates.events
  if (average > limit) return answerJson(res, 429, { message: 'You have exceeded your rate limit' })
  const isPrivate = query.get('private') === 'true'
  if (isPrivate) {
    try {
      if (!(await maySend({ tenant, token, headers: JSON.stringify(req.headers) }, topic)))
        return answerJson(res, 403, { message: 'Unauthorized' })
    } catch (error) {
      if (!(error instanceof ProbeError)) {
        state.log.error({ err: error }, 'the right to send could not be found out')
        return answerJson(res, 500, { message: 'Unable to authorize broadcast' })
      }
      tenant.countError('UnableToSetPolicies')
      const { status, message } = unasked(error)
      return answerJson(res, status, { message })
    }
  }
  sendUser(tenant, topic, isPrivate, event, !binary, data)
  answerEmpty(res, 202)
}

/** The body as it is; what is no object comes as `_json`, as Plug hands it on. */
function jsonPayload(body: Buffer): Buffer | 'malformed' {
  if (body.length === 0) return Buffer.from('{}')
  try {
    const value: unknown = JSON.parse(body.toString())
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return body
    return Buffer.concat([Buffer.from('{"_json":'), body, Buffer.from('}')])
  } catch {
    return 'malformed'
  }
}
