// What `status` prints for a self-hosted stack, under the names of the upstream program.
import { databaseUrl } from '../derive/settings.ts'
import type { StatusValue } from '../description.ts'
import type { SelfHosted } from './dotenv-services.ts'

/** `known`: the services that this version has. */
export function statusValues({ env, settings, running, here, mailPorts }: SelfHosted, known: ReadonlyMap<string, unknown>): StatusValue[] {
  const { publicUrl } = settings
  const mailUrl = `http://127.0.0.1:${mailPorts.page}`
  // Where this version has no storage yet, its URL and keys are told all the same: what is configured with them then works after an update.
  const storage = known.has('storage') ? { node: 'storage' } : {}
  const values: (StatusValue | false)[] = [
    { key: 'api.url', name: 'API_URL', value: publicUrl, node: 'gateway' },
    { key: 'api.rest_url', name: 'REST_URL', value: `${publicUrl}/rest/v1`, node: 'rest' },
    { key: 'api.graphql_url', name: 'GRAPHQL_URL', value: `${publicUrl}/graphql/v1`, node: 'rest' },
    running.has('functions') && { key: 'api.functions_url', name: 'FUNCTIONS_URL', value: `${publicUrl}/functions/v1`, node: 'functions' },
    { key: 'api.storage_s3_url', name: 'STORAGE_S3_URL', value: `${publicUrl}/storage/v1/s3`, ...storage },
    { key: 'db.url', name: 'DB_URL', value: databaseUrl(settings.database, 'postgres') },
    running.has('studio') && { key: 'studio.url', name: 'STUDIO_URL', value: publicUrl, node: 'studio' },
    here.has('mail') && { key: 'mailpit.url', name: 'MAILPIT_URL', value: mailUrl, node: 'mail' },
    here.has('mail') && { key: 'inbucket.url', name: 'INBUCKET_URL', value: mailUrl, node: 'mail' },
    { key: 'auth.publishable_key', name: 'PUBLISHABLE_KEY', value: settings.publishableKey },
    { key: 'auth.secret_key', name: 'SECRET_KEY', value: settings.secretKey },
    { key: 'auth.jwt_secret', name: 'JWT_SECRET', value: settings.jwtSecret },
    { key: 'auth.anon_key', name: 'ANON_KEY', value: settings.anonKey },
    { key: 'auth.service_role_key', name: 'SERVICE_ROLE_KEY', value: settings.serviceRoleKey },
    { key: 'storage.s3_access_key_id', name: 'S3_PROTOCOL_ACCESS_KEY_ID', value: env.S3_PROTOCOL_ACCESS_KEY_ID, ...storage },
    { key: 'storage.s3_secret_access_key', name: 'S3_PROTOCOL_ACCESS_KEY_SECRET', value: env.S3_PROTOCOL_ACCESS_KEY_SECRET, ...storage },
    { key: 'storage.s3_region', name: 'S3_PROTOCOL_REGION', value: env.REGION, ...storage },
    { key: 'dashboard.username', name: 'DASHBOARD_USERNAME', value: env.DASHBOARD_USERNAME, node: 'gateway' },
    { key: 'dashboard.password', name: 'DASHBOARD_PASSWORD', value: env.DASHBOARD_PASSWORD, node: 'gateway' },
  ]
  return values.filter((value): value is StatusValue => value !== false)
}
