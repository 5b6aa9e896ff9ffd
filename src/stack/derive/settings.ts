// What every service of a stack is derived from, whichever way in described it.

import { connectionUrl } from '../../pg/quote.ts'
import type { Environment } from '../../service/definition.ts'

export interface StackSettings {
  readonly database: DatabaseSettings
  readonly jwtSecret: string
  /** Seconds that a user token holds. */
  readonly jwtExpiry: number
  /** JSON array of private JWKs that auth signs with; absent: HS256 by the secret. */
  readonly jwtKeys: string | undefined
  /** JWKS text that every other service verifies with; absent: the secret. */
  readonly jwks: string | undefined
  readonly anonKey: string
  readonly serviceRoleKey: string
  readonly publishableKey: string
  readonly secretKey: string
  /** What the opaque keys stand for inside; the HS256 keys where there is no key pair. */
  readonly anonKeyInside: string
  readonly serviceRoleKeyInside: string
  /** Where clients find the gateway, without a slash at the end. Every link, redirect and issuer begins with it. */
  readonly publicUrl: string
  /** Auth's public URL: the issuer of user tokens. */
  readonly externalUrl: string
}

export interface DatabaseSettings {
  readonly host: string
  readonly port: number
  readonly name: string
  readonly password: string
  /** libpq's word for how much TLS a server elsewhere is asked for. */
  readonly sslMode?: string | undefined
}

/** The connection string of one role. Passwords may hold any character. */
export function databaseUrl(database: DatabaseSettings, user: string, name: string = database.name): string {
  const { host, port, password, sslMode } = database
  const url = connectionUrl({ user, password, host, port, database: name })
  // node-postgres reads libpq's words as libpq does only when asked to.
  return sslMode === undefined ? url : `${url}?sslmode=${encodeURIComponent(sslMode)}&uselibpqcompat=true`
}

/** Variables without those that are not set. */
export const given = (variables: Environment): Environment =>
  Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined && value !== ''))
