// Looks after the partitions of every tenant's messages, now and then.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import type { Logger } from '../../../log/log.ts'
import { keepMessagePartitions } from './partitions.ts'

export interface JanitorOptions {
  /** The tenants with a database, each with a way to reach it. */
  readonly tenants: () => Promise<readonly { readonly id: string; connect(): Promise<Client> }[]>
  readonly firstAfterMs: number
  readonly everyMs: number
  /** Instances that started together do not come at the same moment. */
  readonly randomize: boolean
  /** How many tenants at once. */
  readonly children: number
  readonly timeoutMs: number
  readonly log: Logger
}

export interface Janitor {
  stop(): Promise<void>
}

export function startJanitor(options: JanitorOptions): Janitor {
  const stopping = new AbortController()
  const { signal } = stopping
  const pause = (ms: number) => sleep(options.randomize ? ms + Math.random() * ms * 0.1 : ms, undefined, { signal }).catch(() => undefined) // stopped
  const running = (async () => {
    await pause(options.firstAfterMs)
    while (!signal.aborted) {
      await sweep(options, signal).catch((error: Error) => {
        if (!signal.aborted) options.log.warn({ err: error }, 'the tenants could not be listed for the upkeep of their messages')
      })
      await pause(options.everyMs)
    }
  })()
  return {
    async stop() {
      stopping.abort()
      await running
    },
  }
}

async function sweep({ tenants, children, timeoutMs, log }: JanitorOptions, signal: AbortSignal): Promise<void> {
  const rest = [...(await tenants())]
  const worker = async (): Promise<void> => {
    for (let tenant = rest.shift(); tenant !== undefined && !signal.aborted; tenant = rest.shift()) {
      const { id } = tenant
      let client: Client | undefined
      try {
        client = await tenant.connect()
        await client.query(`select set_config('statement_timeout', $1, false), set_config('lock_timeout', $1, false)`, [String(timeoutMs)])
        const dropped = await keepMessagePartitions(client)
        if (dropped.length > 0) log.info({ tenant: id, dropped }, 'partitions of old messages were dropped')
      } catch (error) {
        log.warn({ err: error as Error, tenant: id }, 'PartitionCreationFailed: the partitions of messages could not be looked after')
      } finally {
        await client?.end().catch(() => undefined) // it had ended already
      }
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, children) }, worker))
}
