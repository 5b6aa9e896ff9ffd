// A service's own variables, by the names of its upstream image: found in `.env` or the environment they win over what is derived.
import type { Environment } from '../../service/definition.ts'

/** Plain names that a machine's environment holds for other reasons (`PORT`, `DATABASE_URL`) are none of them. */
const OWN: Readonly<Record<string, RegExp>> = {
  db: /^PLINTH_DB_/,
  gateway: /^(KONG_|LUA_|TRAEFIK_|PLINTH_(GATEWAY|ACME)_|PLINTH_DOMAIN$|WELL_KNOWN_OAUTH_PATH$)/,
  auth: /^(GOTRUE_|PLINTH_AUTH_|PLINTH_REDIS_URL(_FILE)?$)/,
  rest: /^(PGRST_|PLINTH_REST_)/,
  mail: /^(MP_|PLINTH_MAIL_)/,
  realtime:
    /^(REALTIME_|JANITOR_|TENANT_MAX_|CLIENT_PRESENCE_|PLINTH_REALTIME_|(MAX_HEADER_LENGTH|RUN_JANITOR|SLOT_NAME_SUFFIX|CONNECT_ERROR_BACKOFF_MS|CHANNEL_ERROR_BACKOFF_MS|NO_CHANNEL_TIMEOUT_IN_MS|WEBSOCKET_MAX_HEAP_SIZE|JWT_CLAIM_VALIDATORS|PLINTH_REDIS_URL)(_FILE)?$)/,
  imgproxy: /^(IMGPROXY_|PLINTH_IMGPROXY_)/,
  storage:
    /^(STORAGE_|S3_|GLOBAL_S3_|AWS_|TUS_|UPLOAD_|SIGNED_UPLOAD_|IMAGE_TRANSFORMATION_|PLINTH_STORAGE_|(FILE_SIZE_LIMIT|FILE_STORAGE_BACKEND_PATH|ENABLE_IMAGE_TRANSFORMATION|DATABASE_MAX_CONNECTIONS)(_FILE)?$)/,
  meta: /^(PG_META_|PG_CONN_|PLINTH_META_)/,
  functions: /^(EDGE_RUNTIME_|FUNCTIONS_|PLINTH_FUNCTIONS_)/,
  studio: /^(STUDIO_|NEXT_PUBLIC_|ENABLED_FEATURES_|PLINTH_STUDIO_)/,
  analytics: /^(LOGFLARE_|PLINTH_ANALYTICS_)/,
  vector: /^(VECTOR_|PLINTH_VECTOR_)/,
  pooler: /^(POOLER_|SUPAVISOR_|PLINTH_POOLER_)/,
}

/** Whether some service reads the variable under this name. */
export const isOwn = (kind: string, name: string): boolean => OWN[kind]?.test(name) ?? false
export const isAnyones = (name: string): boolean => Object.values(OWN).some((pattern) => pattern.test(name))

/** The derived variables with the service's own ones over them; `stackWide` names are the stack's and were derived from. */
export function withOwn(kind: string, derived: Environment, source: Environment, stackWide: ReadonlySet<string>): Environment {
  const result: Record<string, string | undefined> = { ...derived }
  for (const [name, value] of Object.entries(source)) {
    if (!value || !isOwn(kind, name) || stackWide.has(name.replace(/_FILE$/, ''))) continue
    result[name] = value
    // A secret from a file takes the place of the derived one, which would be a second value for it.
    if (name.endsWith('_FILE')) delete result[name.slice(0, -'_FILE'.length)]
  }
  return result
}
