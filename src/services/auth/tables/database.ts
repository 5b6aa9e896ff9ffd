// The database as the table functions see it: statements in the configured schema, and transactions whose verdict may be an error that is
// kept all the same, with work that begins when the connection is given back.
import { createHash } from 'node:crypto'
import type pg from 'pg'
import type { Logger } from '../../../log/log.ts'
import { type Executor, StatementError } from '../../../pg/executor.ts'
import { ident } from '../../../pg/quote.ts'
import type { TextRow } from './text-row.ts'

/** The whole database, or the connection of a transaction. */
export interface Db {
  query<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<pg.QueryResult<Row>>
}

/** The connection of a running transaction. */
export interface Tx extends Db {
  readonly transaction: true
  /**
   * Runs when the transaction is committed and its connection given back, before the caller of `transaction` gets the result: a mail,
   * a message. If it fails, the caller gets its error.
   */
  after(work: () => Promise<void>): void
  /** Takes back, in a transaction of its own, what was committed for work that failed afterwards. The last one registered runs first. */
  undo(work: (tx: Tx) => Promise<unknown>): void
}

// Texts are few: those of this program, and updates by the sets of columns that occur.
const MAX_NAMED = 500
/** What a pooler between answers that does not keep prepared statements: unknown name, or one that is taken. */
const UNNAMED_CODES = new Set(['26000', '42P05'])

/** A pool whose statements are written for schema `auth` and run in the one of GOTRUE_DB_NAMESPACE, prepared once per connection. */
export class Database implements Db {
  readonly log: Logger
  readonly #pool: pg.Pool
  readonly #schema: string | undefined
  readonly #texts = new Map<string, { readonly text: string; readonly name: string }>()
  readonly #pipeline: Executor | undefined
  #named = true

  /** `pipeline`: connections beside the pool for what is read most often. */
  constructor(pool: pg.Pool, schema: string, log: Logger, pipeline?: Executor) {
    this.#pool = pool
    this.#pipeline = pipeline
    this.#schema = schema === 'auth' ? undefined : ident(schema)
    this.log = log
  }

  /** How many connections the pool has at most. */
  get size(): number {
    return this.#pool.options.max
  }

  connect(): Promise<pg.PoolClient> {
    return this.#pool.connect()
  }

  async query<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<pg.QueryResult<Row>> {
    try {
      return await this.run<Row>(this.#pool, text, values)
    } catch (error) {
      if (this.#named || !UNNAMED_CODES.has((error as { code?: string }).code ?? '')) throw error
      return this.run<Row>(this.#pool, text, values)
    }
  }

  async run<Row extends pg.QueryResultRow>(on: pg.Pool | pg.PoolClient, text: string, values?: readonly unknown[]) {
    if (values === undefined) return on.query<Row>(this.#statement(text).text)
    const { name, text: local } = this.#statement(text)
    if (!this.#named || name === '') return on.query<Row>(local, values as unknown[])
    try {
      return await on.query<Row>({ name, text: local, values: values as unknown[] })
    } catch (error) {
      if (UNNAMED_CODES.has((error as { code?: string }).code ?? '')) this.#named = false
      throw error
    }
  }

  /** The rows of a read, as text, on a connection that others share; undefined where there is none, and the pool is to be asked. */
  async pipelined(text: string, values: readonly (string | null)[]): Promise<readonly TextRow[] | undefined> {
    if (this.#pipeline === undefined || !this.#named) return undefined
    try {
      const [result] = await this.#pipeline.run({ statements: [{ text: this.#statement(text).text, values }], readOnly: true })
      return result!.rows
    } catch (error) {
      if (!(error instanceof StatementError) || !UNNAMED_CODES.has(error.fields.code)) throw error
      this.#named = false
      return undefined
    }
  }

  #statement(text: string): { readonly text: string; readonly name: string } {
    const known = this.#texts.get(text)
    if (known) return known
    const local = this.#schema === undefined ? text : text.replaceAll(/\bauth\./g, `${this.#schema}.`)
    if (this.#texts.size >= MAX_NAMED) return { text: local, name: '' }
    const made = { text: local, name: `auth_${createHash('sha1').update(local).digest('hex').slice(0, 20)}` }
    this.#texts.set(text, made)
    return made
  }
}

/** Thrown inside a transaction: what was written stays, and the caller gets the error. */
export class CommitWithError extends Error {
  readonly error: unknown
  constructor(error: unknown) {
    super('committed with an error')
    this.error = error
  }
}

/**
 * Runs `work` in one transaction; an error undoes everything, unless it is a CommitWithError. Then runs what was registered for after the
 * commit.
 */
export async function transaction<Result>(database: Database, work: (tx: Tx) => Promise<Result>): Promise<Result> {
  const later: Later = { after: [], undo: [] }
  let result: Result
  try {
    result = await inTransaction(database, work, later)
  } catch (error) {
    if (!(error instanceof CommitWithError)) throw error
    await finish(database, later)
    throw error.error
  }
  await finish(database, later)
  return result
}

interface Later {
  readonly after: (() => Promise<void>)[]
  readonly undo: ((tx: Tx) => Promise<unknown>)[]
}

async function inTransaction<Result>(database: Database, work: (tx: Tx) => Promise<Result>, later: Later): Promise<Result> {
  const client = await database.connect()
  let broken: Error | undefined
  try {
    await client.query('begin')
    try {
      const tx: Tx = {
        transaction: true,
        query: (text, values) => database.run(client, text, values),
        after: (job) => later.after.push(job),
        undo: (job) => later.undo.push(job),
      }
      const result = await work(tx)
      await client.query('commit')
      return result
    } catch (error) {
      await client.query(error instanceof CommitWithError ? 'commit' : 'rollback').catch((lost: Error) => {
        broken = lost // the connection is gone, and the transaction with it
      })
      throw error instanceof CommitWithError && broken ? broken : error
    }
  } finally {
    client.release(broken)
  }
}

async function finish(database: Database, { after, undo }: Later): Promise<void> {
  const outcomes = await Promise.allSettled(after.map((job) => job()))
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (!failed) return
  // Each alone: what one cannot take back is no reason to keep the rest.
  for (const job of undo.reverse())
    await inTransaction(database, job, { after: [], undo: [] }).catch((error: unknown) =>
      database.log.error({ err: error }, 'what was stored for a message that could not be sent could not be taken back'),
    )
  throw failed.reason
}

/** `set a = $1, b = $2` for the given columns, with the values in order; identifiers come from this program only. */
export function assignments(values: Readonly<Record<string, unknown>>, from = 1): { readonly sql: string; readonly values: unknown[] } {
  const columns = Object.keys(values)
  return { sql: columns.map((column, index) => `"${column}" = $${from + index}`).join(', '), values: Object.values(values) }
}
