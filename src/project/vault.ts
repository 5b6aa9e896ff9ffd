// [db.vault]: secrets of config.toml, kept in the database's vault under their names.
import type { Client } from 'pg'
import { isReference } from './config/substitute.ts'
import type { Report } from './migrations.ts'

/** Makes the secrets that are new and changes those that are there. A reference to an unset variable is left out: it was warned of. */
export async function applyVault(client: Client, secrets: Readonly<Record<string, string>>, report: Report): Promise<void> {
  const entries = Object.entries(secrets).filter(([, value]) => value !== '' && !isReference(value))
  if (entries.length === 0) return
  report('Updating vault secrets...')
  await client.query('begin')
  try {
    const { rows } = await client.query<{ id: string; name: string }>('select id, name from vault.secrets where name = any($1)', [
      entries.map(([name]) => name),
    ])
    const known = new Map(rows.map(({ id, name }) => [name, id]))
    for (const [name, value] of entries) {
      const id = known.get(name)
      if (id === undefined) await client.query('select vault.create_secret($1, $2)', [value, name])
      else await client.query('select vault.update_secret($1, $2)', [id, value])
    }
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}
