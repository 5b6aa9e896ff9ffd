// Sends a record of each request to an HTTP server. Upstream: Kong's `http-log`.

import { request } from 'undici'
import { z } from 'zod'
import type { Logger } from '../../../log/log.ts'
import { between, headerName } from '../config/fields.ts'
import { definePlugin } from '../plugin.ts'
import type { Kept } from '../plugin-state.ts'
import { BatchQueue } from '../sinks/batch-queue.ts'
import { customFields, written } from '../sinks/custom-fields.ts'

const endpoint = z.string().refine((url) => /^https?:\/\//.test(url) && URL.canParse(url), 'missing host in url')

const config = z.strictObject({
  http_endpoint: endpoint,
  method: z.enum(['POST', 'PUT', 'PATCH']).default('POST'),
  content_type: z.enum(['application/json', 'application/json; charset=utf-8']).default('application/json'),
  timeout: between(1, 2_147_483_646).default(10_000),
  keepalive: between(0, 2_147_483_646).default(60_000),
  retry_count: between(0, 1_000).default(10),
  queue_size: between(1, 100_000).default(1),
  flush_timeout: z.number().min(0).max(3600).default(2),
  // 2.8 writes lists of values, 3.x texts.
  headers: z.record(headerName, z.union([z.string(), z.array(z.string())])).default({}),
  custom_fields_by_lua: customFields,
  /** 3.x's form of the queue's settings. */
  queue: z
    .strictObject({
      max_batch_size: between(1, 1_000_000).default(1),
      max_coalescing_delay: z.number().min(0).max(3600).default(1),
      max_entries: between(1, 1_000_000).default(10_000),
      max_bytes: z.number().optional(),
      max_retry_time: z.number().min(0).default(60),
      initial_retry_delay: z.number().min(0.001).default(0.01),
      max_retry_delay: z.number().min(0.001).default(60),
      concurrency_limit: z.number().optional(),
    })
    .optional(),
})
type Config = z.output<typeof config>

export const httpLog = definePlugin({
  name: 'http-log',
  priority: 12,
  config,
  phases: (config, { id, state, log }) => {
    const queue = state.of(HttpQueues).get(id, config, log)
    return { log: (record) => queue.add(written(record, config.custom_fields_by_lua)) }
  },
})

/** One queue per configuration; a reload with the same one finds it again. */
class HttpQueues implements Kept {
  readonly #queues = new Map<string, { readonly settings: string; readonly queue: BatchQueue }>()

  get(id: string, config: Config, log: Logger): BatchQueue {
    const settings = JSON.stringify(config)
    const found = this.#queues.get(id)
    if (found?.settings === settings) return found.queue
    // What waits in one of other settings is still delivered to where it was meant to go.
    void found?.queue.close()
    const queue = queueOf(config, log)
    this.#queues.set(id, { settings, queue })
    return queue
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map(({ queue }) => queue.close()))
  }
}

const MAX_ENTRIES = 10_000

function queueOf(config: Config, log: Logger): BatchQueue {
  const url = new URL(config.http_endpoint)
  const credentials = url.username === '' ? undefined : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  url.username = ''
  url.password = ''
  const headers: Record<string, string | string[]> = { ...config.headers, 'content-type': config.content_type }
  if (credentials !== undefined) headers['authorization'] = `Basic ${Buffer.from(credentials).toString('base64')}`
  const batchSize = config.queue?.max_batch_size ?? config.queue_size
  const settings = {
    batchSize,
    delayMs: (config.queue?.max_coalescing_delay ?? config.flush_timeout) * 1000,
    retries: config.retry_count,
    maxEntries: config.queue?.max_entries ?? MAX_ENTRIES,
  }
  return new BatchQueue(url.origin + url.pathname, settings, log, async (batch, signal) => {
    const body = batchSize === 1 ? batch[0]! : `[${batch.join(',')}]`
    const late = AbortSignal.any([signal, AbortSignal.timeout(config.timeout)])
    const answer = await request(url, { method: config.method, headers, body, signal: late })
    await answer.body.dump()
    if (answer.statusCode >= 300) throw new Error(`the log server answered ${answer.statusCode}`)
  })
}
