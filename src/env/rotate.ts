// New values for secrets that are in use: which belong together, and what changing them breaks.
import { jwtJwksOf, jwtKeysOf, makeApiKey, makeOpaqueKey, makeSigningKey, plainSecrets } from './keys.ts'

/**
 * `opaque`: the publishable and the secret key. `key-pair`: the pair that signs user tokens, made if there is none; the shared secret
 * stays. `jwt`: the shared secret with everything that it signed, and the pair where there is one. `all`: these and every password and
 * token that no stored data are encrypted with.
 */
export type Rotation = 'opaque' | 'key-pair' | 'jwt' | 'all'

/** Secrets that are keys of data at rest: with another one the data cannot be read any more. */
export const KEPT = ['VAULT_ENC_KEY', 'PG_META_CRYPTO_KEY', 'REALTIME_DB_ENC_KEY'] as const

const REPLACED = [
  'POSTGRES_PASSWORD',
  'DASHBOARD_PASSWORD',
  'SECRET_KEY_BASE',
  'LOGFLARE_PUBLIC_ACCESS_TOKEN',
  'LOGFLARE_PRIVATE_ACCESS_TOKEN',
  'S3_PROTOCOL_ACCESS_KEY_ID',
  'S3_PROTOCOL_ACCESS_KEY_SECRET',
  'MINIO_ROOT_PASSWORD',
] as const satisfies readonly (keyof typeof plainSecrets)[]

export interface CurrentKeys {
  readonly jwtSecret: string
  readonly hasKeyPair: boolean
}

/** The new values, by variable. */
export async function rotate(what: Rotation, { jwtSecret, hasKeyPair }: CurrentKeys, nowSeconds: number): Promise<Record<string, string>> {
  switch (what) {
    case 'opaque':
      return { SUPABASE_PUBLISHABLE_KEY: makeOpaqueKey('publishable'), SUPABASE_SECRET_KEY: makeOpaqueKey('secret') }
    case 'key-pair':
      return keyPair(jwtSecret, nowSeconds)
    case 'jwt': {
      const secret = plainSecrets.JWT_SECRET()
      return {
        JWT_SECRET: secret,
        ANON_KEY: await makeApiKey('anon', secret, nowSeconds),
        SERVICE_ROLE_KEY: await makeApiKey('service_role', secret, nowSeconds),
        ...(hasKeyPair ? await keyPair(secret, nowSeconds) : {}),
      }
    }
    case 'all':
      return {
        ...Object.fromEntries(REPLACED.map((name) => [name, plainSecrets[name]()])),
        ...(await rotate('jwt', { jwtSecret, hasKeyPair }, nowSeconds)),
        ...(await rotate('opaque', { jwtSecret, hasKeyPair }, nowSeconds)),
      }
  }
}

async function keyPair(secret: string, nowSeconds: number): Promise<Record<string, string>> {
  const signing = makeSigningKey()
  const keys = jwtKeysOf(signing, secret)
  return {
    JWT_KEYS: keys,
    JWT_JWKS: jwtJwksOf(keys, secret),
    ANON_KEY_ASYMMETRIC: await makeApiKey('anon', signing, nowSeconds),
    SERVICE_ROLE_KEY_ASYMMETRIC: await makeApiKey('service_role', signing, nowSeconds),
  }
}
