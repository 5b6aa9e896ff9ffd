// Replication slots that realtime left behind when it was killed and then taken out of the stack: the database keeps its log for them for ever.
import pg from 'pg'

const CONNECT_TIMEOUT_MS = 10_000
const SLOTS = `slot_name like 'supabase\\_realtime%' and not temporary and not active and database = current_database()`

/** Names of slots that nobody reads. */
export const leftSlots = (url: string): Promise<string[]> =>
  ask(url, `select slot_name::text as name from pg_replication_slots where ${SLOTS} order by 1`)

/** Drops them, and gives their names. The login needs the attribute REPLICATION. */
export const dropLeftSlots = (url: string): Promise<string[]> =>
  ask(
    url,
    `select slot_name::text as name, pg_drop_replication_slot(slot_name) from (select slot_name from pg_replication_slots where ${SLOTS} offset 0) as left_behind order by 1`,
  )

/** For whoever starts a stack without realtime. */
export const leftSlotsLine = (names: readonly string[]): string =>
  `Realtime is not part of this stack, but its replication ${names.length === 1 ? 'slot is' : 'slots are'} still there: ${names.join(', ')}. ` +
  'The database keeps all of its log for that. To drop what nobody reads, run: plinth db drop-slots'

async function ask(url: string, text: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, application_name: 'plinth' })
  // A connection that breaks is told by the query.
  client.on('error', () => {})
  await client.connect()
  try {
    const { rows } = await client.query<{ name: string }>(text)
    return rows.map(({ name }) => name)
  } finally {
    await client.end()
  }
}
