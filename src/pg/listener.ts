// A connection that does nothing but LISTEN, made anew whenever it breaks.
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectionOptions } from './connection-options.ts'
import { Connection, emptyResult, type Result } from './executor/connection.ts'
import { ident } from './quote.ts'

export interface ListenerOptions {
  readonly connection: ConnectionOptions
  readonly channel: string
  readonly onNotification: (payload: string) => void
  /** The channel is being listened to; `again` when that had been so before, and notifications may have been missed. */
  readonly onReady: (again: boolean) => void
  readonly onTrouble: (error: Error) => void
}

export interface Listener {
  close(): Promise<void>
}

const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 8_000

/** Listens until closed. Waits 0.25, 0.5, 1 ... 8 s between attempts; the first one after a lost connection is made at once. */
export function listen(options: ListenerOptions): Listener {
  const stop = new AbortController()
  let connection: Connection | undefined
  const ended = keepListening(options, stop.signal, (current) => {
    connection = current
  })
  return {
    async close() {
      stop.abort()
      connection?.close()
      await ended
    },
  }
}

async function keepListening(options: ListenerOptions, signal: AbortSignal, hold: (connection: Connection) => void): Promise<void> {
  const stopped = new Promise<Error>((resolve) => signal.addEventListener('abort', () => resolve(new Error('closed')), { once: true }))
  let waitMs = FIRST_WAIT_MS
  let again = false
  while (!signal.aborted) {
    try {
      let lost: (error: Error) => void = () => undefined
      const broken = new Promise<Error>((resolve) => {
        lost = resolve
      })
      const connection = await Connection.open(options.connection, {
        onClose: (_, error) => lost(error),
        onNotification: (_, payload) => options.onNotification(payload),
      })
      hold(connection)
      if (signal.aborted) {
        connection.close()
        return
      }
      await command(connection, `listen ${ident(options.channel)}`)
      options.onReady(again)
      again = true
      waitMs = FIRST_WAIT_MS
      const error = await Promise.race([broken, stopped])
      if (signal.aborted) return
      options.onTrouble(error)
      await sleep(50, undefined, { signal })
    } catch (error) {
      if (signal.aborted) return
      options.onTrouble(error as Error)
      await sleep(waitMs, undefined, { signal }).catch(() => undefined) // aborted: the loop ends
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
    }
  }
}

function command(connection: Connection, text: string): Promise<Result> {
  return new Promise((resolve, reject) => {
    const results = [emptyResult()]
    const flight = {
      statements: [{ text, prepare: false }],
      results,
      startedAt: 0,
      current: 0,
      error: undefined as Error | undefined,
      parsing: [],
      done: () => (flight.error ? reject(flight.error) : resolve(results[0]!)),
      failed: reject,
    }
    connection.send(flight)
  })
}
