// Hooks that are functions of the database: called as the service's own role, for two seconds at most.
import { qualified } from '../../../pg/quote.ts'
import { errors } from '../errors.ts'
import type { JsonMap } from '../request/body.ts'
import { type Database, type Tx, transaction } from '../tables/database.ts'

export interface PgFunction {
  readonly uri: string
  readonly schema: string
  readonly name: string
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/
const TIMEOUT_MS = 2_000

/** `pg-functions://<anything>/<schema>/<function>`; undefined for another scheme. Throws for names that are none. */
export function parsePgFunction(uri: string): PgFunction | undefined {
  if (!/^pg-functions:/i.test(uri)) return undefined
  const match = /^pg-functions:\/\/[^/]*\/([^/]+)\/([^/]+)$/i.exec(uri)
  if (!match || !NAME.test(match[1]!) || !NAME.test(match[2]!))
    throw new Error('Cannot use a hook: its URI must be pg-functions://postgres/<schema>/<function>')
  return { uri, schema: match[1]!, name: match[2]! }
}

/** In the caller's transaction, or in one of its own. */
export async function runPgFunction(fn: PgFunction, payload: string, where: Tx | Database): Promise<JsonMap> {
  try {
    return await ('transaction' in where ? call(fn, payload, where) : transaction(where, (tx) => call(fn, payload, tx)))
  } catch (error) {
    throw errors.failure(`Error running hook URI: ${fn.uri}`, error)
  }
}

async function call(fn: PgFunction, payload: string, tx: Tx): Promise<JsonMap> {
  await tx.query(`set local statement_timeout to '${TIMEOUT_MS}'`)
  const { rows } = await tx.query<{ output: unknown }>(`select ${qualified(fn.schema, fn.name)}($1) as output`, [payload])
  await tx.query('set local statement_timeout to default')
  const output = rows[0]?.output
  if (output === null || output === undefined) return {}
  if (typeof output !== 'object' || Array.isArray(output)) throw new TypeError('the function did not return a JSON object')
  return output as JsonMap
}
