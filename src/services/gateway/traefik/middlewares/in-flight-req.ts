// So many requests at one time, per source. Upstream: `inFlightReq`.
import { z } from 'zod'
import { respond } from '../answer.ts'
import { whole } from '../config/types.ts'
import { bareStatus } from '../go-http.ts'
import { sourceCriterionSchema, sourceOf } from '../source.ts'
import { defineMiddleware, MiddlewareError } from './middleware.ts'

export const inFlightReq = defineMiddleware({
  name: 'inFlightReq',
  config: z.object({ amount: whole.default(0), sourceCriterion: sourceCriterionSchema.optional() }),
  build({ amount, sourceCriterion }) {
    let source: ReturnType<typeof sourceOf>
    try {
      source = sourceOf(sourceCriterion, 'host')
    } catch (error) {
      throw new MiddlewareError(`error creating requests limiter: ${(error as Error).message}`)
    }
    const running = new Map<string, number>()
    return (next) => (flight, answer) => {
      if (answer.closed) return bareStatus(answer, 499)
      const key = source(flight)
      const before = running.get(key) ?? 0
      if (before >= amount) {
        respond(answer, 429, `max connections reached: ${amount}`)
        return
      }
      running.set(key, before + 1)
      answer.onClose(() => {
        const left = (running.get(key) ?? 1) - 1
        if (left > 0) running.set(key, left)
        else running.delete(key)
      })
      return next(flight, answer)
    }
  },
})
