// The settings in force as a configuration file: names and order of PostgREST's `--dump-config`.
import type { RestConfig } from './config.ts'
import type { RestEnv } from './env.ts'
import { parseRolePath } from './role-path.ts'

export interface DumpOptions {
  /** Secrets and the connection string are left out: for what is served rather than printed. */
  readonly hideSecrets?: boolean
}

export function configText(config: RestConfig, env: RestEnv, uri: string, { hideSecrets = false }: DumpOptions = {}): string {
  const hidden = (value: string): string => (hideSecrets && value !== '' ? '[hidden]' : value)
  const role = parseRolePath(config.roleClaimKey)
  const lines: [name: string, value: string][] = [
    ['admin-server-host', quoted(env.PGRST_ADMIN_SERVER_HOST ?? env.PGRST_SERVER_HOST)],
    ['admin-server-port', number(env.PGRST_ADMIN_SERVER_PORT)],
    ['admin-server-unix-socket', quoted(env.PGRST_ADMIN_SERVER_UNIX_SOCKET ?? '')],
    ['admin-server-unix-socket-mode', quoted(env.PGRST_ADMIN_SERVER_UNIX_SOCKET_MODE.toString(8))],
    ['client-error-verbosity', quoted(config.verboseErrors ? 'verbose' : 'minimal')],
    ['db-aggregates-enabled', String(config.aggregates)],
    ['db-anon-role', quoted(config.anonRole ?? '')],
    ['db-channel', quoted(env.PGRST_DB_CHANNEL)],
    ['db-channel-enabled', String(env.PGRST_DB_CHANNEL_ENABLED)],
    ['db-config', String(env.PGRST_DB_CONFIG)],
    ['db-extra-search-path', quoted(config.extraSearchPath.join(','))],
    ['db-hoisted-tx-settings', quoted(config.hoistedSettings.join(','))],
    ['db-max-rows', number(config.maxRows)],
    ['db-plan-enabled', String(config.planEnabled)],
    ['db-pool', String(env.PGRST_DB_POOL)],
    ['db-pool-acquisition-timeout', String(env.PGRST_DB_POOL_ACQUISITION_TIMEOUT)],
    ['db-pool-automatic-recovery', String(env.PGRST_DB_POOL_AUTOMATIC_RECOVERY)],
    ['db-pool-max-idletime', String(env.PGRST_DB_POOL_TIMEOUT ?? env.PGRST_DB_POOL_MAX_IDLETIME ?? 30)],
    ['db-pool-max-lifetime', String(env.PGRST_DB_POOL_MAX_LIFETIME)],
    ['db-pre-config', quoted(config.preConfig ?? '')],
    ['db-pre-request', quoted(config.preRequestName ?? '')],
    ['db-prepared-statements', String(config.prepared)],
    ['db-root-spec', quoted(config.rootSpec ?? '')],
    ['db-schemas', quoted(config.schemas.join(','))],
    ['db-tx-end', quoted(config.txEnd + (config.txOverride ? '-allow-override' : ''))],
    ['db-uri', quoted(hidden(uri))],
    ['jwt-aud', quoted(config.jwtAud ?? '')],
    ['jwt-cache-max-entries', String(config.jwtCacheSize)],
    ['jwt-role-claim-key', quoted(role.text).replace(/^"\$/, '"$$$$')],
    ['jwt-secret', quoted(hidden(config.jwtSecret ?? ''))],
    ['jwt-secret-is-base64', String(config.jwtSecretIsBase64)],
    ['log-level', quoted(config.logLevel)],
    ['log-query', String(config.logQuery)],
    ['openapi-mode', quoted(config.openapiMode)],
    ['openapi-security-active', String(config.openapiSecurity)],
    ['openapi-server-proxy-uri', quoted(config.proxyUri ?? '')],
    ['server-cors-allowed-origins', quoted((config.corsOrigins ?? []).join(','))],
    ['server-host', quoted(env.PGRST_SERVER_HOST)],
    ['server-port', String(env.PGRST_SERVER_PORT)],
    ['server-reuseport', String(env.PGRST_SERVER_REUSEPORT)],
    ['server-timing-enabled', String(config.serverTiming)],
    ['server-trace-header', quoted(config.traceHeader ?? '')],
    ['server-unix-socket', quoted(env.PGRST_SERVER_UNIX_SOCKET ?? '')],
    ['server-unix-socket-mode', quoted(env.PGRST_SERVER_UNIX_SOCKET_MODE.toString(8))],
    ['url-use-legacy-target-names', String(config.legacyNames)],
    ...config.appSettings.map(([name, value]): [string, string] => [name, quoted(hidden(value))]),
  ]
  return lines
    .map(([name, value]) => `${name} = ${value}\n`)
    .sort()
    .join('')
}

// Upstream escapes quotes alone, and could not read a backslash or a dollar again.
const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&').replace(/\$(?=[$(])/g, '$$$$')}"`
const number = (value: number | undefined): string => (value === undefined ? '""' : String(value))
