// Who a request acts as in Postgres, and what policies may know of the request.
import type { IncomingHttpHeaders } from 'node:http'
import type { Claims } from '../../../jwt/verifier.ts'

export interface Caller {
  /** The role in Postgres. Comes from a token: never part of an SQL text. */
  readonly role: string
  readonly claims: Claims
  /** As it came; empty where there was none. */
  readonly token: string
  /** The claim `sub`: owner of what the caller makes. */
  readonly owner: string | undefined
}

export interface RequestFacts {
  readonly id: string
  readonly method: string
  /** Path and query, as they came. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

/** One operation of one request: everything that SQL and events are told. */
export interface Call {
  readonly caller: Caller
  readonly request: RequestFacts
  /** `storage.object.upload`: what `storage.operation()` answers. */
  readonly operation: string
}

export function callerOf(claims: Claims, token: string, anonRole: string): Caller {
  const role = claims['role']
  const sub = claims['sub']
  return {
    role: typeof role === 'string' && role !== '' ? role : anonRole,
    claims,
    token,
    owner: typeof sub === 'string' && sub !== '' ? sub : undefined,
  }
}
