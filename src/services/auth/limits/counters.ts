// Where limits are counted: in this process, or in Redis for all instances of a service together.
import { createHash } from 'node:crypto'
import type { Redis } from '../../../redis/open.ts'
import type { Rate } from '../env.ts'
import { ClientBuckets, TokenBucket, Window } from './buckets.ts'

/** Refilled by `events` in `overMs`, up to `burst`. */
export interface Allowance {
  readonly events: number
  readonly overMs: number
  readonly burst: number
}

/** Outlives a reload of the configuration: what is used up stays used up, unless the allowance itself is another one. */
export interface Counters {
  /** Whether this client may still do what the limit is for. */
  takeOf(name: string, client: string, allowance: Allowance): Promise<boolean>
  /** The same for the whole instance. */
  take(name: string, rate: Rate): Promise<boolean>
  close(): Promise<void>
}

export class LocalCounters implements Counters {
  readonly #clients = new Map<string, { readonly key: string; readonly buckets: ClientBuckets }>()
  readonly #wholes = new Map<string, { readonly key: string; readonly counter: { take(nowMs: number): boolean } }>()

  async takeOf(name: string, client: string, { events, overMs, burst }: Allowance): Promise<boolean> {
    const key = `${events}/${overMs}/${burst}`
    let found = this.#clients.get(name)
    if (found?.key !== key) {
      found = { key, buckets: new ClientBuckets(events, overMs, burst) }
      this.#clients.set(name, found)
    }
    return found.buckets.take(client)
  }

  async take(name: string, rate: Rate): Promise<boolean> {
    const key = `${rate.kind}/${rate.events}/${rate.overMs}`
    let found = this.#wholes.get(name)
    if (found?.key !== key) {
      const counter =
        rate.kind === 'window' ? new Window(rate.events, rate.overMs) : new TokenBucket(1 / rate.overMs, rate.events, Date.now())
      found = { key, counter }
      this.#wholes.set(name, found)
    }
    return found.counter.take(Date.now())
  }

  async close(): Promise<void> {}
}

/** A token bucket by the clock of Redis. */
const BUCKET = `
local now = redis.call('TIME')
now = now[1] * 1000 + now[2] / 1000
local perMs, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(kept[1] or burst)
tokens = math.min(burst, tokens + math.max(0, now - tonumber(kept[2] or now)) * perMs)
local granted = 0
if tokens >= 1 then
  tokens = tokens - 1
  granted = 1
end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.3f', now))
local fullIn = perMs > 0 and (burst - tokens) / perMs or 86400000
redis.call('PEXPIRE', KEYS[1], math.floor(math.min(fullIn, 86400000)) + 1000)
return granted`

/** So many from the first one on, for as long as the window is. */
const WINDOW = `
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if count > tonumber(ARGV[1]) then return 0 end
return 1`

/** While Redis is away every instance counts by itself. */
export class SharedCounters implements Counters {
  readonly #redis: Redis
  readonly #alone = new LocalCounters()
  readonly #prefix: string

  /** `scope` tells stacks apart that share a Redis. */
  constructor(redis: Redis, scope: string) {
    this.#redis = redis
    this.#prefix = `plinth:auth:${short(scope)}`
  }

  async takeOf(name: string, client: string, allowance: Allowance): Promise<boolean> {
    const { events, overMs, burst } = allowance
    const granted = await this.#ask(BUCKET, `${name}:${short(client)}`, events / overMs, burst)
    return granted ?? this.#alone.takeOf(name, client, allowance)
  }

  async take(name: string, rate: Rate): Promise<boolean> {
    const granted =
      rate.kind === 'window'
        ? await this.#ask(WINDOW, `${name}:window`, rate.events, rate.overMs)
        : await this.#ask(BUCKET, `${name}:bucket`, 1 / rate.overMs, rate.events)
    return granted ?? this.#alone.take(name, rate)
  }

  close(): Promise<void> {
    return this.#redis.close()
  }

  async #ask(script: string, name: string, ...values: readonly number[]): Promise<boolean | undefined> {
    try {
      return (await this.#redis.run(script, `${this.#prefix}:${name}`, values.map(String))) === 1
    } catch {
      return undefined // told once by the connection; this instance goes on by itself
    }
  }
}

/** Of any length and any characters; an address need not stand in Redis. */
const short = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 22)
