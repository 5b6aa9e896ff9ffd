// Takes the project's own objects out of a database that is kept, before migrations run again.
import { readFileSync } from 'node:fs'
import type { Client } from 'pg'

export async function dropUserObjects(client: Client): Promise<void> {
  await client.query('reset all')
  await client.query(readFileSync(new URL('./drop-user-objects.sql', import.meta.url), 'utf8'))
}
