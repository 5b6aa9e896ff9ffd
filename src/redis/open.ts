// A connection to Redis for what several instances share. Nothing may depend on it: while it is away, callers do without.
import { createHash } from 'node:crypto'
import type { Logger } from '../log/log.ts'
import { clientOptions } from './options.ts'

export interface Redis {
  /** Runs a script (prepared on the server once) on its keys; rejects in a bounded time, at once while there is no connection. */
  run(script: string, keys: string | readonly string[], values: readonly string[]): Promise<unknown>
  close(): Promise<void>
}

/** `redis://`, `rediss://` or `unix:///path`. Never fails: it connects, and connects again, in the background. The driver is loaded only where this is called. */
export async function openRedis(url: string, log: Logger): Promise<Redis> {
  const { createClient } = await import('@redis/client')
  const client = createClient(clientOptions(url))
  let away = false
  client.on('error', (error: Error) => {
    if (!away) log.warn({ err: error }, 'Redis cannot be reached; this instance counts by itself until it can')
    away = true
  })
  client.on('ready', () => {
    if (away) log.info('Redis is back')
    away = false
  })
  client.connect().catch(() => undefined) // told by the error event, and tried again
  return {
    async run(script, keys, values) {
      if (!client.isReady) throw new Error('there is no connection to Redis')
      const given = { keys: typeof keys === 'string' ? [keys] : [...keys], arguments: [...values] }
      try {
        return await client.evalSha(createHash('sha1').update(script).digest('hex'), given)
      } catch (error) {
        if (!(error as Error).message.startsWith('NOSCRIPT')) throw error
        return client.eval(script, given)
      }
    },
    async close() {
      if (client.isOpen) client.destroy()
    },
  }
}
