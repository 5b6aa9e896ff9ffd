// What the migrations of the services share: reading their SQL files, and running them in one transaction under an advisory lock.
import { readFileSync } from 'node:fs'
import type { ClientBase } from 'pg'
import { ident } from '../pg/quote.ts'

/** Another instance at work on the same schema is waited for this long. A rewrite of a large table by an older migration takes minutes, not hours. */
const LOCK_TIMEOUT = '10min'

/** The text of an SQL file that lies beside the caller: `sqlFile('./schema.sql', import.meta.url)`. */
export const sqlFile = (name: string, base: string): string => readFileSync(new URL(name, base), 'utf8')

export interface LockedRun {
  /** Key of the transaction-level advisory lock; it also excludes a session-level lock on the same key. */
  readonly lock: bigint
  /** Where unqualified names of the SQL are made and looked up, in order. */
  readonly searchPath: readonly string[]
}

/** Runs `work` in a transaction of its own that nobody else with this lock runs beside. What it throws rolls everything back. */
export async function underLock<T>(client: ClientBase, run: LockedRun, work: () => Promise<T>): Promise<T> {
  try {
    await client.query(
      // Nothing here is lost that would not be done again: no need to wait for the disk.
      `begin; set local synchronous_commit = off; set local client_min_messages = warning; set local lock_timeout = '${LOCK_TIMEOUT}'; set local statement_timeout = 0;
       set local check_function_bodies = off; set local search_path = ${run.searchPath.map(ident).join(', ')}; select pg_advisory_xact_lock(${run.lock})`,
    )
    const result = await work()
    await client.query('commit')
    return result
  } catch (error) {
    // The first error is the one to tell; where the connection itself is gone there is nothing left to roll back.
    await client.query('rollback').catch(() => undefined)
    throw error
  }
}

/** Those of the roles that exist here: a bare Postgres lacks some, and grants to them are then left out. */
export async function existingRoles(client: ClientBase, names: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await client.query<{ name: string }>('select rolname::text as name from pg_catalog.pg_roles where rolname = any($1)', [
    names,
  ])
  return new Set(found.rows.map((row) => row.name))
}

/** The values of one column of a record table, or undefined where the table does not exist. */
export async function recorded(
  client: ClientBase,
  schema: string,
  table: string,
  column: string,
): Promise<ReadonlySet<string> | undefined> {
  const name = `${ident(schema)}.${ident(table)}`
  const there = await client.query<{ there: boolean }>('select pg_catalog.to_regclass($1) is not null as there', [name])
  if (there.rows[0]?.there !== true) return undefined
  const rows = await client.query<{ value: string }>(`select ${ident(column)}::text as value from ${name}`)
  return new Set(rows.rows.map((row) => row.value))
}
