// One request as every room sees it: already read from the socket, not yet understood.
import type { IncomingHttpHeaders } from 'node:http'
import type { Claims } from '../../../jwt/verifier.ts'
import type { Session } from '../tables/sessions.ts'
import type { User } from '../tables/users.ts'

export interface Call {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly params: Readonly<Record<string, string>>
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** Address of the client, forwarded or of the socket. */
  readonly address: string
  /** Where links in mails point: API_EXTERNAL_URL, or the accepted external host. */
  readonly externalUrl: string
  /** Headers that the answer carries whether it succeeds or fails. */
  readonly answerHeaders: Map<string, string>
}

/** A call whose bearer token was accepted. */
export interface UserCall extends Call {
  readonly token: string
  readonly claims: Claims
  readonly user: User
  readonly session: Session | undefined
}

/** A call by a token of an admin role. */
export interface AdminCall extends Call {
  readonly claims: Claims
  /** What the audit log names as the actor. */
  readonly actor: Actor
}

export interface Actor {
  readonly id: string
  readonly username: string
  readonly viaSso: boolean
  readonly name?: unknown
}

export interface Answer {
  readonly status: number
  /** Sent as JSON; undefined for an empty body. */
  readonly json?: unknown
  /** Sent as it is, under the content type of `headers`. */
  readonly text?: string
  readonly headers?: Readonly<Record<string, string>>
}

export const ok = (json: unknown, headers?: Readonly<Record<string, string>>): Answer => ({
  status: 200,
  json,
  ...(headers ? { headers } : {}),
})

/** A redirect as browsers follow it; the location is sent as it is. */
export const redirect = (status: 302 | 303, location: string): Answer => ({ status, headers: { location } })

export const header = (call: Pick<Call, 'headers'>, name: string): string => {
  const value = call.headers[name]
  return (Array.isArray(value) ? value[0] : value) ?? ''
}

/** A value of the query, else of a form body: Go's `FormValue`. */
export function formValue(call: Call, name: string): string {
  const fromBody = isForm(call) ? new URLSearchParams(call.body).get(name) : null
  return fromBody ?? call.query.get(name) ?? ''
}

/** The form of the body and, for what it does not say, the query: Go's `Request.Form`. */
export function formOf(call: Call): URLSearchParams {
  const form = new URLSearchParams(isForm(call) ? call.body : '')
  for (const [name, value] of call.query) form.append(name, value)
  return form
}

const isForm = (call: Call): boolean => /^application\/x-www-form-urlencoded/i.test(header(call, 'content-type'))
