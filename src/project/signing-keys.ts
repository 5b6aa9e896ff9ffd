// The keys of a local project: those that sign tokens, the API keys made with them, and the set that every service verifies with.
import { readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { development, developmentApiKey, developmentSigningKey, localJwks, projectApiKey } from '../env/development-keys.ts'
import type { ApiRole } from '../env/keys.ts'
import type { Jwk } from '../jwt/keys.ts'
import type { LoadedProject } from './config/load.ts'
import { isReference } from './config/substitute.ts'

export interface ProjectKeys {
  readonly jwtSecret: string
  readonly anonKey: string
  readonly serviceRoleKey: string
  readonly publishableKey: string
  readonly secretKey: string
  /** Private; the first one signs. */
  readonly signingKeys: readonly Jwk[]
  /** JSON of the public set, the shared secret included where it still counts. */
  readonly jwks: string
}

/** Where signing_keys_path points to: relative to supabase/. */
export const signingKeysFile = (supabaseDir: string, path: string): string => (isAbsolute(path) ? path : join(supabaseDir, path))

/** The keys of the file; the loader of config.toml has seen that it is an array of keys. */
export function readSigningKeys(supabaseDir: string, path: string): Jwk[] {
  return JSON.parse(readFileSync(signingKeysFile(supabaseDir, path), 'utf8')) as Jwk[]
}

/** The keys of signing_keys_path if it names any, else the well-known development key. */
export function signingKeysOf({ config, supabaseDir }: Pick<LoadedProject, 'config' | 'supabaseDir'>): { keys: Jwk[]; own: boolean } {
  const path = config.auth.signing_keys_path
  const keys = path ? readSigningKeys(supabaseDir, path) : []
  return keys.length > 0 ? { keys, own: true } : { keys: [developmentSigningKey], own: false }
}

/** All keys of a project. `others` are those of an issuer elsewhere whose tokens are accepted too. */
export async function projectKeys(
  project: Pick<LoadedProject, 'config' | 'supabaseDir'>,
  others: readonly Jwk[] = [],
): Promise<ProjectKeys> {
  const { auth } = project.config
  const given = (value: string | undefined): string | undefined => (value && !isReference(value) ? value : undefined)
  const jwtSecret = given(auth.jwt_secret) ?? development.jwtSecret
  const { keys, own } = signingKeysOf(project)
  const apiKey = (role: ApiRole) =>
    own ? projectApiKey(role, keys[0]!, Math.floor(Date.now() / 1000)) : developmentApiKey(role, jwtSecret)
  return {
    jwtSecret,
    anonKey: given(auth.anon_key) ?? (await apiKey('anon')),
    serviceRoleKey: given(auth.service_role_key) ?? (await apiKey('service_role')),
    publishableKey: given(auth.publishable_key) ?? development.publishableKey,
    secretKey: given(auth.secret_key) ?? development.secretKey,
    signingKeys: keys,
    jwks: localJwks(keys, own ? undefined : jwtSecret, others),
  }
}
