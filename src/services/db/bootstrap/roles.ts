// The login roles whose password is POSTGRES_PASSWORD, and how they get it: in one transaction, only where it differs, never as plain text.
import type { ClientBase } from 'pg'
import { verifierOf, verifies } from '../server/scram.ts'

/** Every login role of upstream's image that is given a password. */
export const PASSWORD_ROLES = [
  'supabase_admin',
  'postgres',
  'authenticator',
  'pgbouncer',
  'supabase_auth_admin',
  'supabase_storage_admin',
  'supabase_functions_admin',
  'supabase_replication_admin',
  'supabase_read_only_user',
] as const

/** Roles among `stored` (name and stored form) whose password is another one. */
export async function outdated(stored: Readonly<Record<string, string | null>>, password: string): Promise<string[]> {
  const fits = new Map<string | null, boolean>()
  const names: string[] = []
  for (const [name, verifier] of Object.entries(stored)) {
    if (!fits.has(verifier)) fits.set(verifier, await verifies(password, verifier))
    if (!fits.get(verifier)) names.push(name)
  }
  return names
}

/** Inside the caller's transaction. The stored form goes by a parameter, so that no statement that is logged or counted shows it. */
export async function setPasswords(client: ClientBase, names: readonly string[], password: string): Promise<void> {
  await client.query('select set_config($1, $2, true), set_config($3, $4, true)', [
    'plinth.verifier',
    await verifierOf(password),
    'plinth.roles',
    JSON.stringify(names),
  ])
  await client.query(`do $$
    declare
      name text;
    begin
      for name in select jsonb_array_elements_text(current_setting('plinth.roles')::jsonb) loop
        execute format('alter role %I password %L', name, current_setting('plinth.verifier'));
      end loop;
      perform set_config('plinth.verifier', '', true);
    end
  $$`)
}

/**
 * For a login that may not read stored passwords: finds out by logging in which roles have another one, and gives it to those that it may.
 * Never to itself, whose password is the one that let it in.
 */
export async function setPasswordsByTrying(
  client: ClientBase,
  password: string,
  fits: (role: string) => Promise<boolean>,
): Promise<{ readonly set: string[]; readonly refused: string[] }> {
  const { rows } = await client.query<{ rolname: string }>(
    'select rolname from pg_roles where rolname = any ($1) and rolcanlogin and not rolsuper and rolname <> current_user',
    [PASSWORD_ROLES],
  )
  const set: string[] = []
  const refused: string[] = []
  for (const { rolname } of rows) {
    if (await fits(rolname)) continue
    try {
      await client.query('begin')
      await setPasswords(client, [rolname], password)
      await client.query('commit')
      set.push(rolname)
    } catch (error) {
      await client.query('rollback')
      if ((error as { code?: string }).code !== '42501') throw error
      refused.push(rolname)
    }
  }
  return { set, refused }
}
