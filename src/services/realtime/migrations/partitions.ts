// A partition of realtime.messages for each day from yesterday on, so that a message finds its place whenever it is sent.
import type { ClientBase } from 'pg'
import { ident, literal } from '../../../pg/quote.ts'
import { underLock } from '../../../service/migrate.ts'

/** Not the lock of the migrations: a service that runs makes partitions while another one starts. */
const LOCK = 7_310_210_031_450n
const DAY = 86_400_000
/** As upstream keeps them: a reader in another time zone may still be in yesterday, and a service may be down for some days. */
const DAYS = [-1, 0, 1, 2, 3] as const

/** Makes those that are missing around `now`; one short question where none is. Days are those of UTC. */
export async function createMessagePartitions(client: ClientBase, now: Date = new Date()): Promise<void> {
  const days = DAYS.map((offset) => day(now.getTime() + offset * DAY))
  if ((await missing(client, days)).length === 0) return
  await underLock(client, { lock: LOCK, searchPath: ['pg_catalog'] }, async () => {
    const wanted = await missing(client, days)
    if (wanted.length > 0) await client.query(wanted.map(partition).join('\n'))
  })
}

const day = (time: number): string => new Date(time).toISOString().slice(0, 10)
const nameOf = (date: string): string => `messages_${date.replaceAll('-', '_')}`

function partition(date: string): string {
  const until = day(Date.parse(`${date}T00:00:00Z`) + DAY)
  return `create table realtime.${ident(nameOf(date))} partition of realtime.messages for values from (${literal(date)}) to (${literal(until)});`
}

async function missing(client: ClientBase, days: readonly string[]): Promise<string[]> {
  const there = await client.query<{ name: string }>(
    `select relname::text as name from pg_catalog.pg_class
      where relnamespace = (select oid from pg_catalog.pg_namespace where nspname = 'realtime') and relname = any($1)`,
    [days.map(nameOf)],
  )
  const names = new Set(there.rows.map((row) => row.name))
  return days.filter((date) => !names.has(nameOf(date)))
}
