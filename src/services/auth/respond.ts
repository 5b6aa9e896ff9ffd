// The only place that turns an error into an answer, and the only one that logs it.
import type { Logger } from '../../log/log.ts'
import { AuthError, OAuthError, WeakPasswordError } from './errors.ts'
import { userSqlError } from './pg-error.ts'
import { API_VERSION_2024, apiVersion } from './request/api-version.ts'
import type { Answer } from './request/call.ts'

const UNEXPECTED = 'Unexpected failure, please check server logs for more information'

export interface Refused {
  readonly id: string
  readonly version: string | string[] | undefined
}

/** The answer to an error, in the shape of the API version that the client asked for. */
export function refuse(error: unknown, { id, version }: Refused, log: Logger): Answer {
  const newer = apiVersion(version) === API_VERSION_2024
  const headers: Record<string, string> = newer ? { 'x-supabase-api-version': API_VERSION_2024 } : {}
  if (error instanceof OAuthError) {
    log.info({ request_id: id, error: error.error }, error.description)
    return { status: 400, json: { error: error.error, error_description: error.description || undefined }, headers }
  }
  if (error instanceof WeakPasswordError) return { status: 422, json: weak(error, newer), headers: newer ? headers : named(headers, error) }
  if (error instanceof AuthError) {
    report(error, id, log)
    const sql = newer ? undefined : userSqlError(error.cause)
    return sql
      ? { status: sql.status, json: sql.body, headers: named(headers, error) }
      : { status: error.status, json: body(error, id, newer), headers: named(headers, error) }
  }
  log.error({ err: error, request_id: id }, 'unexpected failure')
  const failure = new AuthError(500, 'unexpected_failure', UNEXPECTED)
  return {
    status: 500,
    json: newer ? { code: failure.code, message: UNEXPECTED } : { code: 500, error_code: failure.code, msg: UNEXPECTED },
    headers,
  }
}

const named = (headers: Record<string, string>, { code }: AuthError): Record<string, string> =>
  code === undefined ? headers : { ...headers, 'x-sb-error-code': code }

function body(error: AuthError, id: string, newer: boolean) {
  const code = error.code ?? (error.status === 500 ? 'unexpected_failure' : 'unknown')
  if (newer) return { code, message: error.message }
  return { code: error.status, error_code: code, msg: error.message, ...(error.status >= 500 ? { error_id: id } : {}) }
}

function weak({ message, reasons }: WeakPasswordError, newer: boolean) {
  const shape = newer ? { code: 'weak_password', message } : { code: 422, error_code: 'weak_password', msg: message }
  return { ...shape, weak_password: { reasons } }
}

function report(error: AuthError, id: string, log: Logger): void {
  const about = { request_id: id, status: error.status, error_code: error.code, ...(error.cause ? { err: error.cause } : {}) }
  if (error.status >= 500) log.error(about, error.message)
  else if (error.status === 429) log.warn(about, error.message)
  else log.info(about, error.message)
}
