// Quoting for the few texts that cannot be parameters: identifiers, and literals in DDL.
import pg from 'pg'

export const ident = pg.escapeIdentifier
export const literal = pg.escapeLiteral

/** `schema.name`, both quoted. */
export const qualified = (schema: string, name: string): string => `${ident(schema)}.${ident(name)}`

/** A connection string whose parts may hold any character. */
export function connectionUrl(parts: { user: string; password?: string; host: string; port: number; database: string }): string {
  const { user, password, host, port, database } = parts
  const login = password === undefined ? encodeURIComponent(user) : `${encodeURIComponent(user)}:${encodeURIComponent(password)}`
  return `postgresql://${login}@${host.includes(':') ? `[${host}]` : host}:${port}/${encodeURIComponent(database)}`
}
