// The upkeep of realtime.messages: partitions for the days to come, and none for days that are long gone.
import type { ClientBase } from 'pg'
import { ident } from '../../../pg/quote.ts'
import { createMessagePartitions } from '../migrations/partitions.ts'

/** As long as upstream keeps messages. */
const KEEP_MS = 259_200_000

/** The names of the partitions that were dropped. */
export async function keepMessagePartitions(client: ClientBase, now: Date = new Date()): Promise<string[]> {
  await createMessagePartitions(client, now)
  const { rows } = await client.query<{ name: string }>(
    `select c.relname::text as name from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
      where i.inhparent = pg_catalog.to_regclass('realtime.messages') order by 1`,
  )
  const old = rows.map(({ name }) => name).filter((name) => isOver(name, now.getTime() - KEEP_MS))
  const dropped: string[] = []
  for (const name of old) {
    // Each by itself: dropping locks the whole table, and readers wait no longer than for one.
    await client.query(`drop table if exists realtime.${ident(name)}`)
    dropped.push(name)
  }
  return dropped
}

/** Whether a partition's day ended before a time. Tables with other names are not ours. */
export function isOver(name: string, time: number): boolean {
  const found = /^messages_(\d{4})_(\d\d)_(\d\d)$/.exec(name)
  if (!found) return false
  const begins = Date.parse(`${found[1]}-${found[2]}-${found[3]}T00:00:00Z`)
  return !Number.isNaN(begins) && begins + 86_400_000 <= time
}
