// The schemas that user migrations rest on, in the order in which they are migrated: whether or not their services run.
import type { SchemaMigrations } from '../service/migrations.ts'
import { authMigrations } from '../services/auth/migrations/index.ts'
import { realtimeMigrations } from '../services/realtime/migrations/index.ts'
import { storageMigrations } from '../services/storage/migrations/index.ts'

export const schemaMigrations: readonly SchemaMigrations[] = [authMigrations, storageMigrations, realtimeMigrations]
