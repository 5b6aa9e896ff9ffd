// The second database, `_supabase`: what analytics and the pooler keep apart from the user's data.
import type { Client, ClientBase } from 'pg'

export const SUPABASE_DATABASE = '_supabase'

/** Key of the lock that lets one instance at a time make it. */
const LOCK = 7_235_019_481

/** Made outside of any transaction, as Postgres asks; a second instance that is as quick waits and finds it there. */
export async function makeSupabaseDatabase(client: ClientBase, connect: (database: string) => Promise<Client>): Promise<void> {
  await client.query('select pg_advisory_lock($1)', [LOCK])
  try {
    await makeUnlessThere(client, connect)
  } finally {
    await client.query('select pg_advisory_unlock($1)', [LOCK]).catch(() => {
      // The connection is gone, and the lock with it.
    })
  }
}

async function makeUnlessThere(client: ClientBase, connect: (database: string) => Promise<Client>): Promise<void> {
  const { rows } = await client.query('select from pg_database where datname = $1', [SUPABASE_DATABASE])
  if (rows.length > 0) return
  await client.query(`create database ${SUPABASE_DATABASE}`)
  const own = await connect(SUPABASE_DATABASE)
  try {
    await own.query(
      'set synchronous_commit = off; set client_min_messages = warning; create schema if not exists _analytics; create schema if not exists _supavisor',
    )
  } finally {
    await own.end()
  }
}
