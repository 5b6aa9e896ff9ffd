// The second database, `_supabase`: what analytics and the pooler keep apart from the user's data.
import type { Client, ClientBase } from 'pg'

export const SUPABASE_DATABASE = '_supabase'

/** Made outside of any transaction, as Postgres asks; a second instance that is as quick finds it there. Does nothing where it exists. */
export async function makeSupabaseDatabase(client: ClientBase, connect: (database: string) => Promise<Client>): Promise<void> {
  const { rows } = await client.query('select from pg_database where datname = $1', [SUPABASE_DATABASE])
  if (rows.length > 0) return
  try {
    await client.query(`create database ${SUPABASE_DATABASE}`)
  } catch (error) {
    // 42P04: another instance has made it; 23505: at this very moment.
    if (!['42P04', '23505'].includes((error as { code?: string }).code ?? '')) throw error
  }
  const own = await connect(SUPABASE_DATABASE)
  try {
    await own.query(
      'set synchronous_commit = off; set client_min_messages = warning; create schema if not exists _analytics; create schema if not exists _supavisor',
    )
  } finally {
    await own.end()
  }
}
