// A database as Storage finds it, for one test file: the roles and schemas of the image, and the variables that lead to it.
import type pg from 'pg'
import { startPostgres, type TestPostgres } from './postgres.ts'
import { createRoles, createSchemas } from './roles.ts'

export const JWT_SECRET = 'a-secret-of-more-than-thirty-two-characters'

export interface StorageDatabase extends AsyncDisposable {
  readonly server: TestPostgres
  readonly url: string
  /** As the superuser. */
  readonly admin: pg.Client
  /** The variables of the service with files in this folder. */
  variables(folder: string, more?: Readonly<Record<string, string>>): Record<string, string>
}

export async function startStorageDatabase(): Promise<StorageDatabase> {
  const server = await startPostgres()
  const admin = await server.connect()
  await createRoles(admin)
  await createSchemas(admin)
  await admin.query('grant create on database postgres to supabase_storage_admin')
  const url = server.url('supabase_storage_admin')
  return {
    server,
    url,
    admin,
    variables: (folder, more = {}) => ({
      DATABASE_URL: url,
      AUTH_JWT_SECRET: JWT_SECRET,
      UPLOAD_FILE_SIZE_LIMIT: '104857600',
      STORAGE_BACKEND: 'file',
      STORAGE_FILE_BACKEND_PATH: folder,
      STORAGE_S3_BUCKET: 'stub',
      TENANT_ID: 'stub',
      ...more,
    }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}
