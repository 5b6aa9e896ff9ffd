// Brings the database of a local project to what its files ask for: schemas of the services always, the project's own files on new data.
import type pg from 'pg'
import type { DatabaseService } from '../service/database.ts'
import type { SchemaMigrations } from '../service/migrations.ts'
import type { PrepareOptions } from '../stack/description.ts'
import { migrateSchemas } from '../stack/migrate-schemas.ts'
import { applyApiPrivileges } from './api-privileges.ts'
import type { LoadedProject } from './config/load.ts'
import { withClient } from './connect.ts'
import { applyMigrations, listMigrations, type Report } from './migrations.ts'
import { applyRoles } from './roles.ts'
import { applySeeds, findSeeds } from './seeds.ts'
import { applyVault } from './vault.ts'

export interface PreparedProject extends Pick<LoadedProject, 'workDir' | 'config'> {
  readonly migrations: readonly SchemaMigrations[]
  /** The database as user `postgres`. */
  readonly databaseUrl: string
}

export async function prepareDatabase(project: PreparedProject, database: DatabaseService, options: PrepareOptions): Promise<void> {
  if (options.fresh) options.report('Initialising schema...')
  await migrateSchemas(database.adminUrl, project.migrations)
  if (!options.fresh) return
  const { config, workDir } = project
  await withClient(project.databaseUrl, async (client) => {
    await applyApiPrivileges(client, config.api.auto_expose_new_tables)
    await applyVault(client, config.db.vault, options.report)
    await applyRoles(client, workDir, options.report)
    await applyUserFiles(client, project, options)
  })
}

/** Migrations up to a version, then seeds. */
export async function applyUserFiles(
  client: pg.Client,
  { config, workDir }: Pick<PreparedProject, 'config' | 'workDir'>,
  { version, seed = true, report }: { version?: string; seed?: boolean; report: Report },
): Promise<void> {
  if (config.db.migrations.enabled) {
    const files = listMigrations(workDir, report).filter((file) => version === undefined || file.version <= version)
    await applyMigrations(client, workDir, files, report)
  }
  if (seed && config.db.seed.enabled) await applySeeds(client, findSeeds(workDir, config.db.seed.sql_paths, report), report)
}
