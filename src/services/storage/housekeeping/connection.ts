// Housekeeping has a connection of its own, for as long as a pass takes: it holds transactions open while it works on the bytes.
import pg from 'pg'
import type { Query } from '../database/sql.ts'

const CONNECT_MS = 10_000

export async function withConnection<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'plinth storage housekeeping',
    connectionTimeoutMillis: CONNECT_MS,
  })
  // What was lost is told by the query that meets it.
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** The rows of one of the service's own statements. */
export async function rowsOf<Row>(client: pg.Client, { text, values = [], reads }: Query): Promise<Row[]> {
  const parameters = values.map((value) =>
    typeof value === 'object' && value !== null && 'json' in value ? JSON.stringify(value.json) : value,
  )
  const { rows } = await client.query<{ to_json: string }>(text, parameters)
  return reads ? rows.map(({ to_json }) => JSON.parse(to_json) as Row) : []
}
