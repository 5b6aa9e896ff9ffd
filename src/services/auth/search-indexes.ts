// Indexes for searches among many users, where GOTRUE_INDEX_WORKER_* asks for them: built beside the running service, by one instance, and
// without a lock that would stop writers. A failure is told and changes nothing else.
import pg from 'pg'
import type { Logger } from '../../log/log.ts'
import { ident } from '../../pg/quote.ts'
import type { AuthEnv } from './env.ts'

/** Upstream's names and columns. */
const INDEXES: readonly (readonly [name: string, on: string])[] = [
  ['idx_users_email', 'using btree (email)'],
  ['idx_users_created_at_desc', '(created_at desc)'],
  ['idx_users_last_sign_in_at_desc', '(last_sign_in_at desc)'],
  ['idx_users_name', `using btree ((raw_user_meta_data->>'name')) where (raw_user_meta_data->>'name') is not null`],
]
/** Upstream's: one worker at a time, whichever program it is of. */
const LOCK = `hashtext('auth_index_worker')::bigint`

export interface SearchIndexes {
  /** Gives up what is being built; the next start drops its remains. */
  stop(): Promise<void>
}

/** Undefined where nobody asked for them. */
export function buildSearchIndexes(env: AuthEnv, connectionString: string, schema: string, log: Logger): SearchIndexes | undefined {
  const always = env.GOTRUE_INDEX_WORKER_ENSURE_USER_SEARCH_INDEXES_EXIST
  const upTo = env.GOTRUE_INDEX_WORKER_MAX_USERS_THRESHOLD
  if (!always && upTo === 0) return undefined
  const client = new pg.Client({ connectionString, application_name: 'plinth auth indexes', connectionTimeoutMillis: 10_000 })
  client.on('error', (error) => log.warn({ err: error }, 'the connection that builds indexes was lost'))
  let stopping = false
  const work = build(client, schema, always ? undefined : upTo, log)
    .catch((error: unknown) => {
      if (!stopping) log.error({ err: error }, 'the indexes for searches among users could not be built')
    })
    .then(() => client.end())
    .catch(() => undefined) // it was ended already
  return {
    async stop() {
      stopping = true
      await client.end().catch(() => undefined) // never connected, or ended
      await work
    },
  }
}

async function build(client: pg.Client, schema: string, upTo: number | undefined, log: Logger): Promise<void> {
  await client.connect()
  const { rows: locked } = await client.query<{ mine: boolean }>(`select pg_try_advisory_lock(${LOCK}) as mine`)
  if (!locked[0]?.mine) return
  const users = `${ident(schema)}.users`
  const { rows: found } = await client.query<{ name: string; good: boolean }>(
    `select c.relname as name, i.indisvalid and i.indisready as good from pg_index i join pg_class c on c.oid = i.indexrelid
     where i.indrelid = $1::regclass and c.relname = any($2::text[])`,
    [users, INDEXES.map(([name]) => name)],
  )
  const good = new Set(found.filter((index) => index.good).map(({ name }) => name))
  if (good.size === INDEXES.length) return
  if (upTo !== undefined) {
    const { rows } = await client.query<{ about: string }>('select reltuples::bigint as about from pg_class where oid = $1::regclass', [
      users,
    ])
    if (Number(rows[0]?.about) > upTo) {
      log.info(
        { users: Number(rows[0]?.about) },
        'no indexes for searches: there are more users than GOTRUE_INDEX_WORKER_MAX_USERS_THRESHOLD',
      )
      return
    }
  }
  for (const { name } of found.filter((index) => !index.good))
    await client.query(`drop index concurrently if exists ${ident(schema)}.${ident(name)}`)
  for (const [name, on] of INDEXES) await client.query(`create index concurrently if not exists ${ident(name)} on ${users} ${on}`)
  log.info({ indexes: INDEXES.length - good.size }, 'indexes for searches among users were built')
}
