// What the variables of every service of a local project are made from.
import { development } from '../../env/development-keys.ts'
import type { StackSettings } from '../../stack/derive/settings.ts'
import type { LoadedProject } from '../config/load.ts'
import type { ProjectKeys } from '../signing-keys.ts'

export interface DeriveContext {
  readonly project: LoadedProject
  readonly keys: ProjectKeys
  /** What both forms of a stack share. */
  readonly settings: StackSettings
  /** `.plinth` of the work dir. */
  readonly stateDir: string
  /** Where the mail catcher takes mails; undefined when it does not run. */
  readonly smtpPort: number | undefined
}

export type Variables = Record<string, string>

/** The settings of this project, in the words of the shared derivations. */
export function settingsOf(project: LoadedProject, keys: ProjectKeys): StackSettings {
  const { db, auth } = project.config
  return {
    database: { host: '127.0.0.1', port: db.port, name: 'postgres', password: development.databasePassword },
    jwtSecret: keys.jwtSecret,
    jwtExpiry: auth.jwt_expiry,
    jwtKeys: JSON.stringify(keys.signingKeys),
    jwks: keys.jwks,
    anonKey: keys.anonKey,
    serviceRoleKey: keys.serviceRoleKey,
    publishableKey: keys.publishableKey,
    secretKey: keys.secretKey,
    anonKeyInside: keys.anonKey,
    serviceRoleKeyInside: keys.serviceRoleKey,
    publicUrl: apiUrlOf(project),
    externalUrl: authUrlOf(project),
  }
}

/** Public address of the API. */
function apiUrlOf({ config }: LoadedProject): string {
  const external = config.api.external_url
  if (external && URL.canParse(external)) return external.replace(/\/+$/, '')
  return `${config.api.tls.enabled ? 'https' : 'http'}://127.0.0.1:${config.api.port}`
}

/** Public address of auth: links, redirects and the issuer of tokens. */
function authUrlOf(project: LoadedProject): string {
  const external = project.config.auth.external_url
  return external && URL.canParse(external) ? external.replace(/\/+$/, '') : `${apiUrlOf(project)}/auth/v1`
}
