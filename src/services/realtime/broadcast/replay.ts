// What was sent to a private topic from the database before somebody joined it.
import type { Executor } from '../../../pg/executor.ts'
import { JoinRefused } from '../channels/join-refused.ts'

export interface ReplayedMessage {
  readonly id: string
  readonly event: string
  /** JSON text, or bytes. */
  readonly payload: string | Buffer
}

export interface ReplayRequest {
  /** Milliseconds of the epoch. */
  readonly since: number
  readonly limit: number
}

const MAX_MESSAGES = 25
/** Of timestamps in Postgres, in milliseconds of the epoch: some time in the year 294276. */
const MAX_TIME = 8_000_000_000_000_000

const NEWEST = `select id, event, payload, encode(binary_payload, 'base64')
  from realtime.messages
  where topic = $1 and private and extension = 'broadcast' and event is not null and (payload is not null or binary_payload is not null)
    and inserted_at >= to_timestamp($2::double precision / 1000) at time zone 'utc'
    and inserted_at < now() at time zone 'utc' + interval '1 minute'
  order by inserted_at desc limit $3`

/** Throws JoinRefused. */
export function readReplay(given: unknown): ReplayRequest {
  const { since, limit } = (typeof given === 'object' && given !== null ? given : {}) as { since?: unknown; limit?: unknown }
  const numbers = Number.isInteger(since) && (limit === undefined || limit === null || Number.isInteger(limit))
  if (!numbers || Math.abs(since as number) > MAX_TIME) throw new JoinRefused('UnableToReplayMessages', 'Replay params are not valid')
  return { since: since as number, limit: Math.min(MAX_MESSAGES, Math.max(1, (limit as number | null | undefined) ?? MAX_MESSAGES)) }
}

/** The newest ones, oldest first. */
export async function replay(executor: Executor, topic: string, { since, limit }: ReplayRequest): Promise<ReplayedMessage[]> {
  const [result] = await executor.run({ statements: [{ text: NEWEST, values: [topic, String(since), String(limit)] }] })
  const messages = result!.rows.map(([id, event, payload, binary]) => ({
    id: String(id),
    event: String(event),
    payload: payload === null ? Buffer.from(String(binary), 'base64') : String(payload),
  }))
  return messages.reverse()
}
