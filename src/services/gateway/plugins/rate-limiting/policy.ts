// Where a limiting plugin keeps its counts: in this process, or in a Redis that all instances share.
import { z } from 'zod'
import type { Logger } from '../../../../log/log.ts'
import { openRedis, type Redis } from '../../../../redis/open.ts'
import { between, port, text } from '../../config/fields.ts'
import type { PluginSetup } from '../../plugin.ts'
import type { Kept } from '../../plugin-state.ts'
import { type Count, type Counters, LocalCounters } from './counters.ts'

/** Both spellings: Kong 2.8's flat fields, and the record of 3.x. */
export const redisFields = {
  redis_host: text.optional(),
  redis_port: port.default(6379),
  redis_password: z.string().optional(),
  redis_username: text.optional(),
  redis_ssl: z.boolean().default(false),
  redis_ssl_verify: z.boolean().default(false),
  redis_server_name: text.optional(),
  redis_timeout: between(1, 2_147_483_646).default(2000),
  redis_database: between(0, 2_147_483_646).default(0),
  redis: z
    .strictObject({
      host: text.optional(),
      port: port.default(6379),
      password: z.string().optional(),
      username: text.optional(),
      ssl: z.boolean().default(false),
      ssl_verify: z.boolean().default(false),
      server_name: text.optional(),
      timeout: between(1, 2_147_483_646).default(2000),
      database: between(0, 2_147_483_646).default(0),
    })
    .optional(),
}
const given = z.object(redisFields)
export type RedisFields = z.output<typeof given>

/** The address of the Redis; undefined when no host is named. */
export function redisSettings(fields: RedisFields): string | undefined {
  const record = fields.redis
  const host = record?.host ?? fields.redis_host
  if (host === undefined) return undefined
  const from = record?.host === undefined ? undefined : record
  const url = new URL(`${(from?.ssl ?? fields.redis_ssl) ? 'rediss' : 'redis'}://x`)
  url.hostname = host
  url.port = String(from?.port ?? fields.redis_port)
  const [username, password] = [from?.username ?? fields.redis_username, from?.password ?? fields.redis_password]
  if (username !== undefined) url.username = encodeURIComponent(username)
  if (password) url.password = encodeURIComponent(password)
  const database = from?.database ?? fields.redis_database
  if (database > 0) url.pathname = `/${database}`
  return url.href
}

export function countersOf(config: RedisFields & { readonly policy: string }, { state, log }: PluginSetup): Counters {
  const url = config.policy === 'redis' ? redisSettings(config) : undefined
  if (url === undefined) return state.of(LocalCounters)
  const redis = state.of(RedisConnections).get(url, log)
  // Opened now, so that it is there when the first request is.
  void redis()
  return new RedisCounters(redis)
}

/** One connection per address, opened when it is first used. */
class RedisConnections implements Kept {
  readonly #open = new Map<string, Promise<Redis>>()

  get(url: string, log: Logger): () => Promise<Redis> {
    return () => {
      const found = this.#open.get(url) ?? openRedis(url, log)
      this.#open.set(url, found)
      return found
    }
  }

  async close(): Promise<void> {
    for (const opening of this.#open.values()) await (await opening).close()
  }
}

// Reads every window, and counts in all of them if none is used up. KEYS: one per window; ARGV: by, then limit and seconds to live of each.
const TAKE = `local before, free = {}, true
for i, key in ipairs(KEYS) do
  before[i] = tonumber(redis.call('GET', key) or '0')
  if before[i] >= tonumber(ARGV[i * 2]) then free = false end
end
if free then
  for i, key in ipairs(KEYS) do
    redis.call('INCRBY', key, ARGV[1])
    if before[i] == 0 then redis.call('EXPIRE', key, ARGV[i * 2 + 1]) end
  end
end
return before`

const READ = `local counts = {}
for i, key in ipairs(KEYS) do counts[i] = tonumber(redis.call('GET', key) or '0') end
return counts`

const ADD = `for i, key in ipairs(KEYS) do
  if redis.call('INCRBY', key, ARGV[1]) == tonumber(ARGV[1]) then redis.call('EXPIRE', key, ARGV[i * 2 + 1]) end
end`

/** One script per decision: instances at the same moment cannot all take the last place. */
export class RedisCounters implements Counters {
  readonly #redis: () => Promise<Redis>

  constructor(redis: () => Promise<Redis>) {
    this.#redis = redis
  }

  async take(counts: readonly Count[], by: number): Promise<number[]> {
    return ((await this.#run(TAKE, counts, by)) as number[]).map(Number)
  }

  async read(counts: readonly Count[]): Promise<number[]> {
    return ((await this.#run(READ, counts, 0)) as number[]).map(Number)
  }

  async add(counts: readonly Count[], by: number): Promise<void> {
    await this.#run(ADD, counts, by)
  }

  async #run(script: string, counts: readonly Count[], by: number): Promise<unknown> {
    const now = Date.now()
    const values = counts.flatMap(({ limit, end }) => [String(limit), String(Math.max(1, Math.ceil((end - now) / 1000)))])
    const keys = counts.map(({ key, start, period }) => `${key}:${start}:${period}`)
    return (await this.#redis()).run(script, keys, [String(by), ...values])
  }
}
