// POSTGRES_PASSWORD changes between two starts, to one with every printable character: every role has it, and the log says so once.
import { expect, test } from 'vitest'
import { database, workDir } from '../db/harness.ts'

const EVERYTHING = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('')

test('a changed password is given to every login role, and its text is in no log', async () => {
  await using dir = await workDir()
  const first = await database(dir)
  await (await first.as('postgres')).query('create table public.t (n int)')
  await first.stop()

  for (const password of [EVERYTHING, 'pässwörd-日本-🔑']) {
    const db = await database({ ...dir, password })
    try {
      for (const role of ['supabase_admin', 'postgres', 'authenticator', 'pgbouncer', 'supabase_auth_admin', 'supabase_functions_admin']) {
        expect((await (await db.as(role)).query('select current_user as who')).rows).toEqual([{ who: role }])
      }
      expect(new URL(db.service.adminUrl).username).toBe('supabase_admin')
      expect(decodeURIComponent(new URL(db.service.adminUrl).password)).toBe(password)
      expect(db.lines.join('')).toContain('roles were given the password')
      expect(db.lines.join('')).not.toContain(password)
      const { rows } = await (await db.as('supabase_admin')).query('select query from extensions.pg_stat_statements')
      expect(JSON.stringify(rows)).not.toMatch(/SCRAM-SHA-256\$\d/)
    } finally {
      await db.stop()
    }
    await using again = await database({ ...dir, password })
    expect(again.lines.join('')).not.toContain('roles were given')
  }
})
