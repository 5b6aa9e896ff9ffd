// What a token may do on a private channel: row level security on realtime.messages decides, asked with rows that never stay.
import { randomUUID } from 'node:crypto'
import { AcquisitionTimeout, type Executor, type Statement, StatementError } from '../../../pg/executor.ts'
import type { VerifiedToken } from '../token/verify.ts'

export type Extension = 'broadcast' | 'presence'

export interface Asker {
  readonly topic: string
  readonly token: VerifiedToken
  /** JSON of the headers that a policy may look at. */
  readonly headers: string
}

export type ProbeFailure = 'policy' | 'canceled' | 'partition' | 'pool' | 'connections' | 'unavailable'

/** The question could not be asked, or a policy failed at it. */
export class ProbeError extends Error {
  readonly failure: ProbeFailure
  constructor(failure: ProbeFailure, cause: Error) {
    super(cause.message, { cause })
    this.name = 'ProbeError'
    this.failure = failure
  }
}

const DENIED = '42501'
/** A policy may take so long; in milliseconds. */
const PATIENCE = '10000'

const INSERT = `insert into realtime.messages (id, topic, extension, inserted_at, updated_at)
  values ($1, $2, $3, now() at time zone 'utc', now() at time zone 'utc')`
const SETTINGS = `select set_config('role', $1, true), set_config('realtime.topic', $2, true), set_config('request.jwt.claims', $3, true),
  set_config('request.jwt.claim.sub', $4, true), set_config('request.jwt.claim.role', $1, true), set_config('request.headers', $5, true),
  set_config('statement_timeout', '${PATIENCE}', true)`
const VISIBLE = 'select id from realtime.messages where id = any($1::uuid[])'

/** Of the extensions, those whose rows the token can see. Rejects with ProbeError. */
export async function readable(executor: Executor, asker: Asker, extensions: readonly Extension[]): Promise<ReadonlySet<Extension>> {
  const ids = extensions.map(() => randomUUID())
  const inserts = extensions.map((extension, i): Statement => ({ text: INSERT, values: [ids[i]!, asker.topic, extension] }))
  const results = await run(executor, asker, [...inserts, settings(asker), { text: VISIBLE, values: [`{${ids.join(',')}}`] }])
  const seen = new Set(results.at(-1)!.rows.map(([id]) => String(id)))
  return new Set(extensions.filter((_, i) => seen.has(ids[i]!)))
}

/** Whether the token could insert a row of the extension. Rejects with ProbeError. */
export async function writable(executor: Executor, asker: Asker, extension: Extension): Promise<boolean> {
  try {
    await run(executor, asker, [settings(asker), { text: INSERT, values: [randomUUID(), asker.topic, extension] }])
    return true
  } catch (error) {
    if (error instanceof ProbeError && error.cause instanceof StatementError && error.cause.fields.code === DENIED) return false
    throw error
  }
}

function settings({ topic, token, headers }: Asker): Statement {
  const sub = token.claims['sub']
  return { text: SETTINGS, values: [token.role, topic, token.claimsText, typeof sub === 'string' ? sub : '', headers] }
}

async function run(executor: Executor, { token }: Asker, statements: readonly Statement[]) {
  try {
    return await executor.run({ statements, transaction: { begin: 'begin', end: 'rollback' }, affinity: token.role })
  } catch (error) {
    throw new ProbeError(failureOf(error), error as Error)
  }
}

function failureOf(error: unknown): ProbeFailure {
  if (error instanceof AcquisitionTimeout) return 'pool'
  if (error instanceof StatementError) {
    const { code } = error.fields
    if (code === '57014') return 'canceled'
    // "no partition of relation found for row"
    if (code === '23514') return 'partition'
    if (code.startsWith('57P') || code.startsWith('08')) return 'unavailable'
    return 'policy'
  }
  return (error as { code?: string }).code === '53300' ? 'connections' : 'unavailable'
}
