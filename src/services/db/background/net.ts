// Serves the queue of pg_net. A request is claimed by an advisory lock of our connection and leaves the queue together with the coming of
// its answer: two instances never send the same one at once, and what was under way when we died is sent again.
import type { Logger } from '../../../log/log.ts'
import type { BackgroundTask, Session } from './connection.ts'
import { type NetRequest, openNetAgent, sendNetRequest } from './http-request.ts'

/** Requests under way at once. */
const MAX_IN_FLIGHT = 50
/** Keys of the locks: this and the request's number. */
const LOCK_BASE = 7_235_418_000_000_000_000n
const DEFAULT_TTL = '6 hours'

export function netTask(log: Logger): BackgroundTask {
  const agent = openNetAgent()
  const inFlight = new Map<string, AbortController>()
  let busy = false
  let again = false
  let stopped = false

  const drain = async (session: Session): Promise<void> => {
    if (!(await exists(session))) return
    await session.query(
      `delete from net._http_response where ctid in (select ctid from net._http_response where created < now() - coalesce(nullif(current_setting('pg_net.ttl', true), ''), $1)::interval limit 1000)`,
      [DEFAULT_TTL],
    )
    while (!stopped && inFlight.size < MAX_IN_FLIGHT) {
      const room = MAX_IN_FLIGHT - inFlight.size
      const requests = await claim(session, [...inFlight.keys()], room)
      for (const request of requests) void handle(session, request)
      if (requests.length < room) return
    }
  }

  const handle = async (session: Session, request: NetRequest): Promise<void> => {
    const abort = new AbortController()
    inFlight.set(request.id, abort)
    try {
      const response = await sendNetRequest(request, agent, abort.signal)
      await session.query(
        `with done as (delete from net.http_request_queue where id = $1 returning id)
         insert into net._http_response (id, status_code, content_type, headers, content, timed_out, error_msg) select id, $2, $3, $4, $5, $6, $7 from done`,
        [
          request.id,
          response.status_code,
          response.content_type,
          response.headers,
          response.content,
          response.timed_out,
          response.error_msg,
        ],
      )
      await release(session, [request.id])
    } catch (error) {
      // Aborted, or the connection broke: the request is still in the queue, and its lock has gone with the connection.
      if (!abort.signal.aborted)
        log.warn(
          { err: error as Error, request: request.id },
          'the answer to a request of pg_net could not be stored; it will be sent again',
        )
    } finally {
      inFlight.delete(request.id)
    }
    if (!stopped) await wake(session)
  }

  const wake = async (session: Session): Promise<void> => {
    if (busy) {
      again = true
      return
    }
    busy = true
    try {
      do {
        again = false
        await drain(session)
      } while (again && !stopped)
    } catch (error) {
      if (!stopped) log.debug({ err: error as Error }, 'the queue of pg_net could not be read')
    } finally {
      busy = false
    }
  }

  return {
    channel: 'plinth_net',
    wake,
    disconnected() {
      for (const abort of inFlight.values()) abort.abort()
    },
    async stop() {
      stopped = true
      for (const abort of inFlight.values()) abort.abort()
      await agent.destroy()
    },
  }
}

async function exists(session: Session): Promise<boolean> {
  const { rows } = await session.query<{ there: boolean }>(
    `select to_regclass('net.http_request_queue') is not null and to_regclass('net._http_response') is not null as there`,
  )
  return rows[0]?.there ?? false
}

async function claim(session: Session, known: readonly string[], room: number): Promise<NetRequest[]> {
  const locked = await session.query<{ id: string }>(
    `select id from (select id from net.http_request_queue where id <> all ($1::bigint[]) order by id limit $2) as next where pg_try_advisory_lock($3 + id)`,
    [known, room, LOCK_BASE],
  )
  const ids = locked.rows.map(({ id }) => id)
  if (ids.length === 0) return []
  // Seen anew, now that it is ours: another instance may have answered it between the look and the lock.
  const { rows } = await session.query<NetRequest>(
    'select id, method, url, headers, body, timeout_milliseconds from net.http_request_queue where id = any ($1::bigint[]) order by id',
    [ids],
  )
  const found = new Set(rows.map(({ id }) => id))
  await release(
    session,
    ids.filter((id) => !found.has(id)),
  )
  return rows
}

async function release(session: Session, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await session.query('select pg_advisory_unlock($2 + id) from unnest($1::bigint[]) as id', [ids, LOCK_BASE])
}
