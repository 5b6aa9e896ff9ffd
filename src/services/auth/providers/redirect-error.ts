// Errors of a sign-in at a provider, which the browser carries to the site: in the query, and once its target is known in the fragment too.
import { AuthError, OAuthError } from '../errors.ts'
import { userSqlError } from '../pg-error.ts'
import type { Call } from '../request/call.ts'
import { encodeForm, withQuery } from '../request/form.ts'
import { refuse } from '../respond.ts'
import type { AuthState } from '../state.ts'

const KINDS: ReadonlyMap<number, string> = new Map([
  [400, 'invalid_request'],
  [401, 'unauthorized_client'],
  [403, 'access_denied'],
  [500, 'server_error'],
  [503, 'temporarily_unavailable'],
])
/** Denied to this person, whatever the status. */
const DENIALS: ReadonlySet<string | undefined> = new Set(['signup_disabled', 'user_banned', 'provider_email_needs_verification'])
const UNEXPECTED = 'Unexpected failure, please check server logs for more information'

/** Logs the error as every other one and gives the parameters that tell of it. */
function describe(error: unknown, call: Call, state: AuthState): Readonly<Record<string, string>> {
  refuse(error, { id: call.id, version: undefined }, state.log)
  if (error instanceof OAuthError) return { error: error.error, error_description: error.description }
  if (error instanceof AuthError)
    return {
      error: DENIALS.has(error.code) ? 'access_denied' : (KINDS.get(error.status) ?? 'server_error'),
      error_code: error.code ?? '',
      error_description: error.message,
    }
  const sql = userSqlError(error)
  return { error: (sql && KINDS.get(sql.status)) ?? 'server_error', error_description: sql?.body.message ?? UNEXPECTED }
}

/** To the site: nobody knows where this person was to go. */
export const stateError = (error: unknown, call: Call, state: AuthState): string =>
  withQuery(state.env.GOTRUE_SITE_URL, describe(error, call, state))

/** To the target. The `%` of the encoding is encoded once more in the fragment, as upstream has it. */
export function callbackError(error: unknown, target: string, call: Call, state: AuthState): string {
  const values = describe(error, call, state)
  const told = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''))
  return withQuery(target, values, encodeForm({ ...told, sb: '' }).replaceAll('%', '%25'))
}
