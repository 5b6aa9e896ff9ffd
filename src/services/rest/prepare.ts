// From a request to what is run for it: its plan against the schema cache, and the statements of the plan.
import { RestError } from './errors.ts'
import type { Payload, PayloadContext } from './parse/payload.ts'
import type { Request } from './parse/request.ts'
import { type Plan, type PlanSettings, planCall, planTableRead, planTableWrite } from './plan/request.ts'
import type { SchemaCache } from './schema-cache/types.ts'
import { type SqlRequest, statementsOf } from './sql/request.ts'

/** A request that is ready to run. */
export interface Prepared {
  readonly plan: Plan
  readonly sql: SqlRequest
  /** The query for Content-Location. */
  readonly canonical: string
}

export function prepare(request: Request, payload: Payload | undefined, cache: SchemaCache, config: PlanSettings): Prepared {
  const name = request.target.kind === 'root' ? '' : request.target.name
  const plan =
    request.action === 'call'
      ? planCall(request, name, payload, cache, config)
      : request.action === 'read'
        ? planTableRead(request, name, cache, config)
        : planTableWrite(request, name, payload, cache, config)
  const sql = statementsOf(plan, config.maxRows)
  // No name in Postgres holds a zero byte, and on the wire it would end the statement early.
  if (sql.main.text.includes('\0')) throw new RestError('PGRST100', { words: 'A name must not hold a zero byte' })
  return { plan, sql, canonical: request.query.canonical }
}

export const carriesBody = (method: string | undefined): boolean => method !== 'GET' && method !== 'HEAD' && method !== 'DELETE'

/** How the body of a request is read; undefined when it has none to read. */
export function contextOf({ action, method, contentType, query }: Request): PayloadContext | undefined {
  if (action === 'read' || action === 'delete' || !carriesBody(method)) return undefined
  return { contentType, call: action === 'call', columnsGiven: query.columns !== undefined && action !== 'put' }
}
