// Limits how many requests somebody makes in a second, minute, hour, day, month or year. Upstream: Kong's `rate-limiting`.
import { z } from 'zod'
import { between, headerName, text } from '../../config/fields.ts'
import type { Refusal } from '../../errors.ts'
import type { Exchange } from '../../exchange.ts'
import { definePlugin } from '../../plugin.ts'
import type { Count } from './counters.ts'
import { countersOf, redisFields, redisSettings } from './policy.ts'
import { contradictions, PERIODS, type Period, windowAt } from './windows.ts'

const limit = z
  .number({ error: () => 'expected a number' })
  .refine((value) => value > 0, { error: 'value must be greater than 0' })
  .optional()

const config = z
  .strictObject({
    second: limit,
    minute: limit,
    hour: limit,
    day: limit,
    month: limit,
    year: limit,
    limit_by: z.enum(['consumer', 'credential', 'ip', 'service', 'header', 'path', 'consumer-group']).default('consumer'),
    header_name: headerName.optional(),
    path: z.string().regex(/^\//, 'should start with: /').optional(),
    policy: z.enum(['local', 'redis', 'cluster']).default('local'),
    fault_tolerant: z.boolean().default(true),
    hide_client_headers: z.boolean().default(false),
    error_code: between(100, 599).default(429),
    error_message: text.default('API rate limit exceeded'),
    sync_rate: z.number().optional(),
    ...redisFields,
  })
  .superRefine((given, ctx) => {
    const problem = (message: string, path: string[] = []) => ctx.addIssue({ code: 'custom', message, path })
    if (PERIODS.every((period) => given[period] === undefined))
      problem("at least one of these fields must be non-empty: 'second', 'minute', 'hour', 'day', 'month', 'year'")
    for (const message of contradictions(given)) problem(message)
    if (given.limit_by === 'header' && given.header_name === undefined) problem('required field missing', ['header_name'])
    if (given.limit_by === 'path' && given.path === undefined) problem('required field missing', ['path'])
    if (given.policy === 'cluster') problem("'cluster' needs a database of the gateway's own: local and redis are there", ['policy'])
    if (given.policy === 'redis' && !redisSettings(given)) problem('required field missing', ['redis_host'])
  })
type Config = z.output<typeof config>

interface Usage {
  readonly counts: readonly Count[]
  /** What is left of each window, this request counted. */
  readonly remaining: readonly number[]
  readonly now: number
}

export const rateLimiting = definePlugin({
  name: 'rate-limiting',
  priority: 901,
  config,
  phases: (config, setup) => {
    const counters = countersOf(config, setup)
    const periods = PERIODS.filter((period) => config[period] !== undefined)
    const usages = new WeakMap<Exchange, Usage>()

    const decide = (exchange: Exchange, counts: readonly Count[], before: readonly number[], now: number): Refusal | undefined => {
      const stopped = counts.some(({ limit }, i) => before[i]! >= limit)
      const remaining = counts.map(({ limit }, i) => Math.max(0, limit - before[i]! - (stopped ? 0 : 1)))
      const usage = { counts, remaining, now }
      usages.set(exchange, usage)
      if (!stopped) return undefined
      const spent = counts.filter(({ limit }, i) => before[i]! >= limit)
      const reset = secondsUntil(Math.max(...spent.map(({ end }) => end)), now)
      return exchange.refuse(config.error_code, config.error_message, config.hide_client_headers ? [] : [['Retry-After', String(reset)]])
    }
    const trouble = (exchange: Exchange, error: unknown): Refusal | undefined => {
      setup.log.error({ err: error, plugin: 'rate-limiting' }, 'the counts of requests cannot be reached')
      return config.fault_tolerant ? undefined : exchange.fail('unexpected')
    }

    return {
      access: (exchange) => {
        const now = Date.now()
        const counts = countsOf(exchange, config, periods, now)
        const before = counters.take(counts, 1)
        if (!(before instanceof Promise)) return decide(exchange, counts, before, now)
        return before.then(
          (known) => decide(exchange, counts, known, now),
          (error: unknown) => trouble(exchange, error),
        )
      },
      headers: config.hide_client_headers
        ? undefined
        : (exchange, { headers }) => {
            const usage = usages.get(exchange)
            if (!usage) return
            const { counts, remaining, now } = usage
            let tightest = 0
            for (const [i, { period, limit }] of counts.entries()) {
              const name = period[0]!.toUpperCase() + period.slice(1)
              headers.set(`X-RateLimit-Limit-${name}`, String(limit))
              headers.set(`X-RateLimit-Remaining-${name}`, String(remaining[i]))
              if (remaining[i]! < remaining[tightest]!) tightest = i
            }
            headers.set('RateLimit-Limit', String(counts[tightest]!.limit))
            headers.set('RateLimit-Remaining', String(remaining[tightest]))
            headers.set('RateLimit-Reset', String(secondsUntil(counts[tightest]!.end, now)))
          },
    }
  },
})

const secondsUntil = (end: number, now: number): number => Math.max(1, Math.ceil((end - now) / 1000))

function countsOf(exchange: Exchange, config: Config, periods: readonly Period[], now: number): Count[] {
  const { route } = exchange
  const key = `ratelimit:${route.id}:${route.service?.id ?? ''}:${identifierOf(exchange, config)}`
  return periods.map((period) => ({ key, period, limit: config[period]!, ...windowAt(period, now) }))
}

/** Who is limited; without what the configuration asks for, the address. */
export function identifierOf(
  exchange: Exchange,
  { limit_by, header_name, path }: Pick<Config, 'limit_by' | 'header_name' | 'path'>,
): string {
  const { client, consumer, credentialId } = exchange
  switch (limit_by) {
    case 'consumer':
      return consumer?.id ?? credentialId ?? client.address
    case 'credential':
      return credentialId ?? client.address
    case 'service':
      return exchange.service?.id ?? client.address
    case 'header':
      return exchange.headers.get(header_name!.toLowerCase()) ?? client.address
    case 'path':
      return exchange.target.path === path ? path! : client.address
    default:
      return client.address
  }
}
