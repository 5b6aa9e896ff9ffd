// At start: upstream's schema brought up to date, and our own beside it.
import pg from 'pg'
import { ident } from '../../../pg/quote.ts'
import { sqlFile, underLock } from '../../../service/migrate.ts'
import type { StorageEnv } from '../env.ts'
import { storageMigrationsWith } from '../migrations/index.ts'

const LOCK = 8_241_906_551_120n

export async function prepareDatabase(env: StorageEnv): Promise<void> {
  const client = new pg.Client({ connectionString: env.DATABASE_URL, application_name: 'plinth storage', connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined)
  await client.connect()
  try {
    await storageMigrationsWith({
      installRoles: env.DB_INSTALL_ROLES,
      superUser: env.DB_SUPER_USER,
      anonRole: env.DB_ANON_ROLE,
      authenticatedRole: env.DB_AUTHENTICATED_ROLE,
      serviceRole: env.DB_SERVICE_ROLE,
      allowRefresh: env.DB_ALLOW_MIGRATION_REFRESH,
    }).migrate(client)
    const role = ident(env.DB_SERVICE_ROLE)
    await underLock(client, { lock: LOCK, searchPath: ['storage'] }, async () => {
      await client.query(sqlFile('./schema.sql', import.meta.url))
      await client.query(`grant usage on schema plinth_storage to ${role}; grant all on plinth_storage.intents to ${role}`)
    })
  } finally {
    await client.end()
  }
}
