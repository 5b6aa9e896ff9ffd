// The only place that turns an error into an answer.
import { AcquisitionTimeout, Cancelled, ConnectError, ConnectionLost, type PostgresError, StatementError } from '../../../pg/executor.ts'
import { RoleNone } from '../auth.ts'
import { type ErrorBody, RestError, statusOf } from '../errors.ts'
import { UnfilteredWrite } from '../plan/request.ts'
import type { Answer, HeaderLine } from './answer.ts'

export interface RefusalContext {
  readonly anonymous: boolean
  readonly verbose: boolean
}

const RETRY_SECONDS = '1'

/** Undefined for an error that nobody expected: a bug, to be logged by the caller. */
export function refusalOf(error: unknown, context: RefusalContext): Answer | undefined {
  if (error instanceof RestError) {
    const headers: readonly HeaderLine[] = error.status === 503 ? [...error.headers, ['Retry-After', RETRY_SECONDS]] : error.headers
    return refusal(error.status, error.toJSON(), headers, context)
  }
  if (error instanceof StatementError) return fromPostgres(error.fields, context)
  if (error instanceof UnfilteredWrite) {
    return refusal(400, { code: '21000', details: null, hint: null, message: error.message }, [], context)
  }
  if (error instanceof RoleNone) return refusal(401, { code: '22023', details: null, hint: null, message: error.message }, [], context)
  if (error instanceof AcquisitionTimeout) return refusalOf(new RestError('PGRST003'), context)
  if (error instanceof ConnectError) return refusalOf(new RestError('PGRST000', { details: error.message }), context)
  if (error instanceof ConnectionLost && error.code !== undefined) {
    const { message, code } = error
    return fromPostgres(
      { message, code, detail: undefined, hint: undefined, severity: 'FATAL', routine: undefined, where: undefined },
      context,
    )
  }
  if (error instanceof ConnectionLost) return refusalOf(new RestError('PGRST001', { details: error.message }), context)
  if (error instanceof Cancelled) return refusalOf(new RestError('PGRST001'), context)
  return undefined
}

function fromPostgres(error: PostgresError, context: RefusalContext): Answer {
  if (error.code === 'PGRST') return raised(error, context)
  const status = statusOf(error, context.anonymous)
  const headers: HeaderLine[] = []
  if (error.code === '42501' && context.anonymous) headers.push(['WWW-Authenticate', 'Bearer'])
  if (status === 503) headers.push(['Retry-After', RETRY_SECONDS])
  const body = { code: error.code, details: error.detail ?? null, hint: error.hint ?? null, message: error.message }
  const answer = refusal(status, body, headers, context)
  return error.code.startsWith('PT') ? { ...answer, statusText: error.message } : answer
}

/** `RAISE sqlstate 'PGRST'`: message and detail are JSON that says everything. */
function raised({ message, detail }: PostgresError, context: RefusalContext): Answer {
  const said = jsonOf(message)
  if (!isObject(said) || typeof said['code'] !== 'string' || typeof said['message'] !== 'string')
    return malformed('MESSAGE', message, context)
  if (detail === undefined) return malformed('DETAIL', undefined, context)
  const how = jsonOf(detail)
  if (!isObject(how) || typeof how['status'] !== 'number' || !isObject(how['headers'])) return malformed('DETAIL', detail, context)
  const body = { code: said['code'], details: said['details'] ?? null, hint: said['hint'] ?? null, message: said['message'] }
  const headers = Object.entries(how['headers']).map(([name, value]): HeaderLine => [name, String(value)])
  const answer = refusal(how['status'], body, headers, context)
  return typeof how['status_text'] === 'string' ? { ...answer, statusText: how['status_text'] } : answer
}

function malformed(part: 'MESSAGE' | 'DETAIL', text: string | undefined, context: RefusalContext): Answer {
  const hint =
    part === 'MESSAGE'
      ? "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'."
      : "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'."
  const details = text === undefined ? `${part} is missing in the RAISE statement` : `Invalid JSON value for ${part}: '${text}'`
  return refusal(500, new RestError('PGRST121', { details, hint }).toJSON(), [], context)
}

export function refusal(status: number, body: ErrorBody, headers: readonly HeaderLine[], { verbose }: RefusalContext): Answer {
  const shown = verbose ? body : { code: body.code, message: body.message }
  return {
    status,
    headers: [['Content-Type', 'application/json; charset=utf-8'], ['Proxy-Status', `PostgREST; error=${body.code}`], ...headers],
    body: Buffer.from(JSON.stringify(shown)),
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // the caller says that it is no JSON
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
