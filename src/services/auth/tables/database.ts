// Connections as the table functions see them, and transactions whose verdict may be an error that is kept all the same.
import type pg from 'pg'

/** A pool, or the connection of a transaction. */
export interface Db {
  query<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<pg.QueryResult<Row>>
}

/** The connection of a running transaction. */
export interface Tx extends Db {
  readonly transaction: true
}

/** Thrown inside a transaction: what was written stays, and the caller gets the error. */
export class CommitWithError extends Error {
  readonly error: unknown
  constructor(error: unknown) {
    super('committed with an error')
    this.error = error
  }
}

/** Runs `work` in one transaction; an error undoes everything, unless it is a CommitWithError. */
export async function transaction<Result>(pool: pg.Pool, work: (tx: Tx) => Promise<Result>): Promise<Result> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    await client.query('begin')
    try {
      const tx: Tx = { transaction: true, query: (text, values) => client.query(text, values as unknown[]) }
      const result = await work(tx)
      await client.query('commit')
      return result
    } catch (error) {
      if (error instanceof CommitWithError) {
        await client.query('commit')
        throw error.error
      }
      await client.query('rollback').catch((lost: Error) => {
        broken = lost // the connection is gone, and the transaction with it
      })
      throw error
    }
  } finally {
    client.release(broken)
  }
}

/** `set a = $1, b = $2` for the given columns, with the values in order; identifiers come from this program only. */
export function assignments(values: Readonly<Record<string, unknown>>, from = 1): { readonly sql: string; readonly values: unknown[] } {
  const columns = Object.keys(values)
  return { sql: columns.map((column, index) => `"${column}" = $${from + index}`).join(', '), values: Object.values(values) }
}
