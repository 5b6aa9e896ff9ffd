// Messages between instances by Redis' publish and subscribe. Nothing may depend on it: while it is away, what is published goes nowhere.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../log/log.ts'
import { clientOptions } from './options.ts'

const CLOSE_MS = 500

export interface RedisChannels {
  /** Never throws and never waits; what cannot be sent now is dropped. */
  publish(channel: string, message: Buffer): void
  /** `onMessage` also gets what this very instance publishes. Returns what ends it. */
  subscribe(channel: string, onMessage: (message: Buffer) => void): () => void
  /** Calls back whenever both ways work, the first time and after each interruption. */
  onReady(listener: () => void): void
  close(): Promise<void>
}

/** Connects, and connects again, in the background. The driver is loaded only where this is called. */
export async function openRedisChannels(url: string, log: Logger): Promise<RedisChannels> {
  const { createClient } = await import('@redis/client')
  const publisher = createClient(clientOptions(url))
  const subscriber = createClient(clientOptions(url))
  const listeners = new Set<() => void>()
  const wanted = new Set<readonly [channel: string, listener: (message: Buffer) => void]>()
  let away = false
  const ready = async () => {
    if (!publisher.isReady || !subscriber.isReady) return
    if (away) log.info('Redis is back')
    away = false
    // The same listener counts once, however often it is given.
    await Promise.all([...wanted].map(([channel, listener]) => subscriber.subscribe(channel, listener, true)))
    for (const listener of listeners) listener()
  }
  for (const client of [publisher, subscriber]) {
    client.on('error', (error: Error) => {
      if (!away) log.warn({ err: error }, 'Redis cannot be reached; this instance is alone until it can')
      away = true
    })
    client.on('ready', () => void ready().catch(() => undefined)) // lost again meanwhile: told by the error event
    client.connect().catch(() => undefined) // told by the error event, and tried again
  }
  return {
    publish(channel, message) {
      if (publisher.isReady) publisher.publish(channel, message).catch(() => undefined) // at most once: told by the error event
    },
    subscribe(channel, onMessage) {
      const entry = [channel, (message: Buffer) => onMessage(message)] as const
      wanted.add(entry)
      if (subscriber.isReady) subscriber.subscribe(...entry, true).catch(() => undefined) // asked again when it is back
      return () => {
        wanted.delete(entry)
        if (subscriber.isReady) subscriber.unsubscribe(...entry, true).catch(() => undefined) // gone with the connection
      }
    },
    onReady(listener) {
      listeners.add(listener)
    },
    async close() {
      // What was published last still goes out.
      if (publisher.isReady) await Promise.race([publisher.close().catch(() => undefined), sleep(CLOSE_MS, undefined, { ref: false })])
      for (const client of [publisher, subscriber]) if (client.isOpen) client.destroy()
    },
  }
}
