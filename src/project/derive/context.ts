// What the variables of every service of a local project are made from.
import type { LoadedProject } from '../config/load.ts'
import type { ProjectKeys } from '../signing-keys.ts'

export interface DeriveContext {
  readonly project: LoadedProject
  readonly keys: ProjectKeys
  /** `.plinth` of the work dir. */
  readonly stateDir: string
  /** Public address of the API, without a final slash. */
  readonly apiUrl: string
  /** Public address of auth: links, redirects and the issuer of tokens. */
  readonly authUrl: string
  /** Where the mail catcher takes mails; undefined when it does not run. */
  readonly smtpPort: number | undefined
}

export type Variables = Record<string, string>

/** Public address of the API. */
export function apiUrlOf({ config }: LoadedProject): string {
  const external = config.api.external_url
  if (external && URL.canParse(external)) return external.replace(/\/+$/, '')
  return `${config.api.tls.enabled ? 'https' : 'http'}://127.0.0.1:${config.api.port}`
}

export function authUrlOf(project: LoadedProject): string {
  const external = project.config.auth.external_url
  return external && URL.canParse(external) ? external.replace(/\/+$/, '') : `${apiUrlOf(project)}/auth/v1`
}
