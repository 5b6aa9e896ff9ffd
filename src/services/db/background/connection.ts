// The one connection behind the database's own work (HTTP requests of pg_net, jobs of pg_cron): it listens, and comes back when it breaks.
import { setTimeout as delay } from 'node:timers/promises'
import type { Client, QueryResult, QueryResultRow } from 'pg'
import type { Logger } from '../../../log/log.ts'
import { ident } from '../../../pg/quote.ts'

/** The connection, one query after the other however many are asked for at once. */
export interface Session {
  query<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<QueryResult<Row>>
  /** Resolves when nothing that was asked for is under way. */
  idle(): Promise<unknown>
}

/** Something that works when a channel says so, and now and then. Its methods never throw. */
export interface BackgroundTask {
  readonly channel: string
  /** On a new connection, on every notification and every half minute: look what there is to do. */
  wake(session: Session): Promise<void>
  /** The connection is gone: whatever was tied to it (locks) is gone too. */
  disconnected(): void
  /** Ends what is under way, soon. */
  stop(): Promise<void>
}

export interface BackgroundOptions {
  readonly connect: () => Promise<Client>
  readonly tasks: readonly BackgroundTask[]
  readonly log: Logger
}

export interface Background {
  stop(): Promise<void>
}

const POLL_MS = 30_000
const LAST_QUERY_MS = 500
const RETRY_MS = { first: 250, most: 10_000 }

export function startBackground({ connect, tasks, log }: BackgroundOptions): Background {
  const stopping = new AbortController()
  const running = (async () => {
    for (let pause = RETRY_MS.first; !stopping.signal.aborted; ) {
      const client = await connect().catch((error: Error) => {
        if (!stopping.signal.aborted) log.debug({ err: error }, 'the background connection to the database has to wait')
        return undefined
      })
      if (client) {
        pause = RETRY_MS.first
        await serve(client, tasks, log, stopping.signal)
      }
      if (!stopping.signal.aborted) await delay(pause, undefined, { signal: stopping.signal }).catch(() => {})
      pause = Math.min(pause * 2, RETRY_MS.most)
    }
  })()
  return {
    async stop() {
      stopping.abort()
      await Promise.all(tasks.map((task) => task.stop()))
      await running
    },
  }
}

/** Until the connection ends or we are to stop. */
async function serve(client: Client, tasks: readonly BackgroundTask[], log: Logger, signal: AbortSignal): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    client.once('end', resolve)
    client.once('error', () => resolve())
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  const session = sessionOf(client)
  const wake = (task: BackgroundTask) => {
    task.wake(session).catch((error: Error) => {
      if (!signal.aborted) log.warn({ err: error, channel: task.channel }, 'work of the database in the background failed')
    })
  }
  client.on('notification', ({ channel }) => {
    for (const task of tasks) if (task.channel === channel) wake(task)
  })
  const poll = setInterval(() => tasks.forEach(wake), POLL_MS)
  try {
    await session.query(["set pg_stat_statements.track = 'none'", ...tasks.map((task) => `listen ${ident(task.channel)}`)].join('; '))
    tasks.forEach(wake)
    await ended
  } catch (error) {
    log.debug({ err: error as Error }, 'the background connection to the database was lost')
  } finally {
    clearInterval(poll)
    for (const task of tasks) task.disconnected()
    // Cutting a query off would leave a complaint in the server's log.
    await Promise.race([session.idle(), delay(LAST_QUERY_MS)])
    await client.end().catch(() => {
      // It had ended already.
    })
  }
}

function sessionOf(client: Client): Session {
  let last: Promise<unknown> = Promise.resolve()
  return {
    query<Row extends QueryResultRow>(text: string, values?: unknown[]) {
      const next = last.then(() => client.query<Row>(text, values))
      last = next.catch(() => {
        // Whoever asked has the error; the next one has nothing to do with it.
      })
      return next
    },
    idle: () => last,
  }
}
