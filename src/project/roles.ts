// supabase/roles.sql: roles of the project, made before its migrations. Not recorded anywhere.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from 'pg'
import type { Report } from './migrations.ts'
import { readSqlFile, runSqlFile } from './sql-file.ts'

const ROLES_FILE = join('supabase', 'roles.sql')

export async function applyRoles(client: Client, workDir: string, report: Report): Promise<void> {
  if (!existsSync(join(workDir, ROLES_FILE))) return
  report('Seeding globals from roles.sql...')
  await runSqlFile(client, readSqlFile(workDir, ROLES_FILE))
}
