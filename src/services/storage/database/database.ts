// The unit of work: statements of one transaction go to Postgres in one write, begun by the settings that say who acts and what policies
// may know of the request. No caller of this module holds a transaction open between round trips.

import type { Logger } from '../../../log/log.ts'
import { parseConnection } from '../../../pg/connection-options.ts'
import { Executor, type Result, StatementError } from '../../../pg/executor.ts'
import type { Call, Caller } from '../caller/caller.ts'
import { databaseError } from './errors.ts'
import { type Query, rows, run, statementOf } from './sql.ts'

export interface DatabaseOptions {
  readonly url: string
  readonly max: number
  readonly applicationName: string
  readonly connectTimeoutMs: number
  readonly statementTimeoutMs: number
  readonly idleMs: number
  readonly searchPath: string | undefined
  /** False behind a pooler that gives each transaction another connection. */
  readonly prepare: boolean
  /** Acts where no policy is asked. */
  readonly service: Caller
  readonly log: Logger
}

export interface TransactionOptions {
  /** `rollback`: a trial; its results are seen and nothing stays. */
  readonly end?: 'commit' | 'rollback'
  /** It may wait for locks: nobody else's statements are queued behind it on its connection. */
  readonly waits?: boolean
  /** Errors of these statements (by their place) are read by the caller, who gets the executor's own. */
  readonly raw?: boolean
}

// One statement for all settings, so that it is planned once. The role comes first: what it may not set, it cannot be made to.
const SETTINGS = `select set_config('role', $1, true), set_config('request.jwt.claim.role', $1, true), set_config('request.jwt', $2, true),
 set_config('request.jwt.claim.sub', $3, true), set_config('request.jwt.claims', $4, true), set_config('request.headers', $5, true),
 set_config('request.method', $6, true), set_config('request.path', $7, true), set_config('storage.operation', $8, true),
 set_config('storage.allow_delete_query', 'true', true), set_config('statement_timeout', $9, true)`

export class Database {
  readonly executor: Executor
  readonly service: Caller
  readonly #options: DatabaseOptions
  #ownsTables = false
  readonly #claims = new WeakMap<object, string>()

  constructor(options: DatabaseOptions) {
    this.#options = options
    this.service = options.service
    const connection = parseConnection(options.url)
    this.executor = new Executor({
      connection: {
        ...connection,
        connectTimeoutMs: options.connectTimeoutMs,
        parameters: { application_name: options.applicationName, ...connection.parameters },
      },
      max: options.max,
      acquisitionTimeoutMs: options.connectTimeoutMs,
      maxIdleMs: options.idleMs,
      onTrouble: (error) => options.log.warn({ err: error }, `A database connection failed: ${error.message}`),
    })
  }

  /** What follows acts as the caller: row level security decides. */
  as({ caller, request, operation }: Call): Query {
    const { searchPath, statementTimeoutMs } = this.#options
    const values = [
      caller.role,
      caller.token,
      caller.owner ?? '',
      this.#claimsText(caller),
      JSON.stringify(request.headers),
      request.method,
      request.path,
      operation,
      String(statementTimeoutMs),
    ]
    return searchPath === undefined
      ? run(SETTINGS, values)
      : run(`${SETTINGS}, set_config('search_path', $10, true)`, [...values, searchPath])
  }

  /** What follows acts as the service role: no policy is asked. The request is told all the same. */
  asService(call: Call): Query {
    return this.as({ ...call, caller: this.service })
  }

  /** Runs the statements in one transaction and one round trip; gives the rows of each. Rejects with StorageErrors. */
  async transaction(queries: readonly Query[], options: TransactionOptions = {}): Promise<unknown[][]> {
    const { end = 'commit', waits = false } = options
    const statements = queries.map((query) => statementOf(query, this.#options.prepare))
    const explicit = waits || end === 'rollback'
    try {
      const results = await this.executor.run({
        statements,
        ...(explicit && { transaction: { begin: 'begin', end } }),
        affinity: String(queries[0]?.values?.[0] ?? ''),
      })
      return results.map(parseRows)
    } catch (error) {
      throw options.raw && error instanceof StatementError ? error : (databaseError(error) ?? error)
    }
  }

  /** The rows of one statement, as the caller. */
  async rowsAs<Row>(call: Call, query: Query): Promise<Row[]> {
    return (await this.transaction([this.as(call), query]))[1] as Row[]
  }

  /** The rows of one statement, as the service role. */
  async rowsAsService<Row>(call: Call, query: Query): Promise<Row[]> {
    return (await this.transaction([this.asService(call), query]))[1] as Row[]
  }

  /**
   * The rows of one statement that no policy is asked about and that changes nothing: as the service role, or without more words as the
   * login where the tables are its own. Only for the paths that have to be fast.
   */
  async rowsUnchecked<Row>(call: Call, query: Query): Promise<Row[]> {
    if (!this.#ownsTables) return this.rowsAsService(call, query)
    return (await this.transaction([query]))[0] as Row[]
  }

  /** To be called once, before the first request. */
  async open(): Promise<void> {
    const [row] = (
      await this.transaction([
        rows(`select not row_security_active('storage.objects') and not row_security_active('storage.buckets') as owns`),
      ])
    )[0] as { owns: boolean }[]
    this.#ownsTables = row?.owns === true
  }

  close(): Promise<void> {
    return this.executor.close()
  }

  /** Claims are shared by all requests of a token: their text is made once. */
  #claimsText({ claims }: Caller): string {
    let text = this.#claims.get(claims)
    if (text === undefined) {
      text = JSON.stringify(claims)
      this.#claims.set(claims, text)
    }
    return text
  }
}

const parseRows = (result: Result): unknown[] => result.rows.map(([value]) => (value ? JSON.parse(value.toString()) : null))
