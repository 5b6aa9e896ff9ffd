// Lets clients pass by their address. Upstream: `ipAllowList`, and `ipWhiteList` as it was called before.
import { z } from 'zod'
import { AddressSet } from '../../client.ts'
import { texts, whole } from '../config/types.ts'
import { bareStatus, statusText } from '../go-http.ts'
import { addressOf, ipStrategySchema } from '../source.ts'
import { defineMiddleware, MiddlewareError, type Wrap } from './middleware.ts'

export const ipAllowList = defineMiddleware({
  name: 'ipAllowList',
  config: z.object({ sourceRange: texts.default([]), ipStrategy: ipStrategySchema.optional(), rejectStatusCode: whole.default(0) }),
  build: ({ sourceRange, ipStrategy, rejectStatusCode }) => allow(sourceRange, ipStrategy, rejectStatusCode || 403),
})

export const ipWhiteList = defineMiddleware({
  name: 'ipWhiteList',
  config: z.object({ sourceRange: texts.default([]), ipStrategy: ipStrategySchema.optional() }),
  build: ({ sourceRange, ipStrategy }) => allow(sourceRange, ipStrategy, 403),
})

function allow(sourceRange: readonly string[], strategy: Parameters<typeof addressOf>[0], status: number): Wrap {
  if (sourceRange.length === 0) throw new MiddlewareError('sourceRange is empty, IPAllowLister not created')
  if (statusText(status) === '') throw new MiddlewareError(`invalid HTTP status code ${status}`)
  try {
    const allowed = new AddressSet(sourceRange)
    const address = addressOf(strategy)
    return (next) => (flight, answer) => {
      if (!allowed.has(address(flight))) {
        bareStatus(answer, status)
        return
      }
      return next(flight, answer)
    }
  } catch (error) {
    throw new MiddlewareError(`cannot parse CIDRs [${sourceRange.join(' ')}]: ${(error as Error).message}`)
  }
}
