// So many requests for so long, per source: a bucket of tokens each. Upstream: `rateLimit`.
import { z } from 'zod'
import { respond } from '../answer.ts'
import { duration, ignored, whole } from '../config/types.ts'
import { goDuration, httpError } from '../go-http.ts'
import { sourceCriterionSchema, sourceOf } from '../source.ts'
import { defineMiddleware, MiddlewareError } from './middleware.ts'

// Sources that are kept; those not heard of for longest go first, and begin with a full bucket when they come again.
const MAX_SOURCES = 65_536

export const rateLimit = defineMiddleware({
  name: 'rateLimit',
  config: z.object({
    average: whole.default(0),
    period: duration.default(1_000),
    burst: whole.default(1),
    sourceCriterion: sourceCriterionSchema.optional(),
    redis: ignored,
  }),
  build({ average, period, burst, sourceCriterion, redis }) {
    if (redis !== undefined) throw new MiddlewareError('creating redis limiter: counting in Redis is not served, leave `redis` out')
    let source: ReturnType<typeof sourceOf>
    try {
      source = sourceOf(sourceCriterion, 'address')
    } catch (error) {
      throw new MiddlewareError(`getting source extractor: ${(error as Error).message}`)
    }
    if (average <= 0) return (next) => next
    const perMs = average / (period || 1_000)
    const size = Math.max(burst, 1)
    const maxDelayMs = perMs * 1000 < 1 ? 500 : 1000 / (Math.floor(perMs * 1000) * 2)
    const buckets = new Map<string, { tokens: number; at: number }>()
    return (next) => (flight, answer) => {
      const key = source(flight)
      const now = performance.now()
      const bucket = buckets.get(key) ?? { tokens: size, at: now }
      // The one used last stands last.
      buckets.delete(key)
      buckets.set(key, bucket)
      if (buckets.size > MAX_SOURCES) buckets.delete(buckets.keys().next().value!)
      bucket.tokens = Math.min(size, bucket.tokens + (now - bucket.at) * perMs)
      bucket.at = now
      const delay = bucket.tokens >= 1 ? 0 : (1 - bucket.tokens) / perMs
      if (delay > maxDelayMs) {
        respond(answer, 429, 'Too Many Requests', ['Retry-After', String(Math.ceil(delay / 1000)), 'X-Retry-In', goDuration(delay)])
        return
      }
      bucket.tokens -= 1
      if (delay <= 0) return next(flight, answer)
      return new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          off()
          Promise.resolve(next(flight, answer)).then(resolve, reject)
        }, delay)
        const off = answer.onClose(() => {
          clearTimeout(timer)
          httpError(answer, 499)
          resolve()
        })
      })
    }
  },
})
