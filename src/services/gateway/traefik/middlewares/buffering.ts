// Reads requests and answers whole, within bounds, and may ask again. Upstream: `buffering` (vulcand/oxy buffer).
import { z } from 'zod'
import { HeaderTable } from '../../header-table.ts'
import { type Answer, AnswerTooLarge, GatheredAnswer, respond } from '../answer.ts'
import { whole } from '../config/types.ts'
import { bareStatus } from '../go-http.ts'
import { NO_LIMIT, readBody, TOO_LARGE } from '../request-body.ts'
import { compileCondition, ExpressionError } from './expression.ts'
import { defineMiddleware, MiddlewareError } from './middleware.ts'

const CALLS = new Map([
  ['Attempts', 0],
  ['ResponseCode', 0],
  ['IsNetworkError', 0],
])
// Upstream's own end to a retry expression that never says no.
const MAX_ATTEMPTS = 10

export const buffering = defineMiddleware({
  name: 'buffering',
  config: z.object({
    maxRequestBodyBytes: whole.default(0),
    memRequestBodyBytes: whole.default(0),
    maxResponseBodyBytes: whole.default(0),
    memResponseBodyBytes: whole.default(0),
    retryExpression: z.string().default(''),
  }),
  build({ maxRequestBodyBytes, maxResponseBodyBytes, retryExpression }) {
    let again: ReturnType<typeof compileCondition> | undefined
    try {
      again = retryExpression === '' ? undefined : compileCondition(retryExpression, CALLS)
    } catch (error) {
      if (error instanceof ExpressionError) throw new MiddlewareError(error.message)
      throw error
    }
    return (next) => async (flight, answer) => {
      // A tunnel is no message that could be kept.
      if (flight.upgrade) return next(flight, answer)
      const body = await readBody(flight, maxRequestBodyBytes > 0 ? maxRequestBodyBytes : NO_LIMIT)
      if (body === TOO_LARGE) return bareStatus(answer, 413)
      if (flight.hasBody || body.length > 0) flight.body = body
      for (let attempts = 1; ; attempts++) {
        const gathered = new GatheredAnswer(maxResponseBodyBytes > 0 ? maxResponseBodyBytes : NO_LIMIT)
        const off = answer.onClose(() => gathered.cancel())
        try {
          await next(flight, gathered)
          const { status, headers, body: bytes } = await gathered.done
          const calls = new Map<string, () => number | boolean>([
            ['Attempts', () => attempts],
            ['ResponseCode', () => status],
            ['IsNetworkError', () => status === 502 || status === 504],
          ])
          if (attempts < MAX_ATTEMPTS && !answer.closed && again?.(calls)) continue
          if (flight.method !== 'HEAD') headers.remove('content-length')
          return respondGathered(answer, flight.method, status, bytes, headers.toRaw())
        } catch (error) {
          if (answer.closed) return
          return bareStatus(answer, error instanceof AnswerTooLarge ? 500 : 502)
        } finally {
          off()
        }
      }
    }
  },
})

function respondGathered(answer: Answer, method: string, status: number, body: Buffer, lines: string[]): void {
  if (method === 'HEAD' || status === 204 || status === 304) {
    answer.head(status, HeaderTable.fromRaw(lines))
    answer.end()
    return
  }
  respond(answer, status, body, lines)
}
