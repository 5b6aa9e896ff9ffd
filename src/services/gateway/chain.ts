// Runs the plugins of a route over a request, over the head and the body of its answer, and when all is over.
import type { BodyFilter } from './body-filter.ts'
import type { Refusal } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { type Chain, pluginOf } from './plan.ts'
import type { TrafficRecord } from './record/record.ts'
import type { ResponseHead } from './response-head.ts'

/** Undefined when every plugin lets the request go on. Stays synchronous as long as the plugins do. */
export function runAccess(chain: Chain, exchange: Exchange, from = 0): Refusal | undefined | Promise<Refusal | undefined> {
  for (let i = from; i < chain.length; i++) {
    const result = pluginOf(chain[i]!, exchange)?.access?.(exchange)
    if (result === undefined) continue
    if (result instanceof Promise) return result.then((refusal) => refusal ?? runAccess(chain, exchange, i + 1))
    return result
  }
  return undefined
}

/** Also for answers of the gateway itself: a refusal carries the CORS headers that let a browser read it. */
export function runHeaders(chain: Chain, exchange: Exchange, head: ResponseHead): void {
  for (const step of chain) pluginOf(step, exchange)?.headers?.(exchange, head)
}

export function bodyFilters(chain: Chain, exchange: Exchange, head: ResponseHead): BodyFilter[] {
  const filters: BodyFilter[] = []
  for (const step of chain) {
    const filter = pluginOf(step, exchange)?.body?.(exchange, head)
    if (filter) filters.push(filter)
  }
  return filters
}

export function runLog(chain: Chain, record: TrafficRecord): void {
  for (const step of chain) pluginOf(step, record.exchange)?.log?.(record)
}
