// Errors that a browser carries to the site: in the fragment, and for PKCE in the query too.
import type { Logger } from '../../log/log.ts'
import { AuthError } from './errors.ts'
import { userSqlError } from './pg-error.ts'
import { encodeForm, withQuery } from './request/form.ts'
import { refuse } from './respond.ts'

const KINDS: Readonly<Record<number, string>> = {
  400: 'invalid_request',
  401: 'unauthorized_client',
  403: 'access_denied',
  500: 'server_error',
  503: 'temporarily_unavailable',
}

export interface RedirectOptions {
  readonly target: string
  readonly inQuery: boolean
  readonly id: string
}

/** Logs the error as every other one and gives the URL that tells of it. */
export function redirectError(error: unknown, { target, inQuery, id }: RedirectOptions, log: Logger): string {
  refuse(error, { id, version: undefined }, log)
  const known =
    error instanceof AuthError
      ? error
      : new AuthError(500, 'unexpected_failure', 'Unexpected failure, please check server logs for more information')
  const kind = KINDS[known.status]
  const values = {
    ...(kind === undefined ? {} : { error: kind }),
    error_code: known.code ?? (known.status === 500 ? 'unexpected_failure' : 'unknown'),
    error_description: userSqlError(known.cause)?.body.message ?? known.message,
  }
  const fragment = encodeForm({ ...values, sb: '' }).replaceAll('%', '%25')
  return withQuery(target, inQuery ? values : {}, fragment)
}
