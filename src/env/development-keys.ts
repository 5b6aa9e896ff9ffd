// The well-known values of upstream's local stack, the same on every machine: for loopback only. And how to tell them, and the ones
// that upstream's compose file ships, from real secrets.
import type { Jwk } from '../jwt/keys.ts'
import { signJwt } from '../jwt/sign.ts'
import type { Environment } from '../service/definition.ts'
import { type ApiRole, publicJwk, secretJwk } from './keys.ts'

export const development = {
  databasePassword: 'postgres',
  jwtSecret: 'super-secret-jwt-token-with-at-least-32-characters-long',
  anonKey:
    'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJzdXBhYmFzZS1kZW1vIiwicm9sZSI6ImFub24iLCJleHAiOjE5ODM4MTI5OTZ9.CRXP1A7WOeoJeXxjNni43kdQwgnWNReilDMblYTn_I0',
  serviceRoleKey:
    'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJzdXBhYmFzZS1kZW1vIiwicm9sZSI6InNlcnZpY2Vfcm9sZSIsImV4cCI6MTk4MzgxMjk5Nn0.EGIM96RAZx35lJzdJsyH-qQwv8Hdp7fsn3W0YpN81IU',
  publishableKey: 'sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH',
  secretKey: 'sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz',
  s3AccessKeyId: '625729a08b95bf1b7ff351a663f3a23c',
  s3AccessKeySecret: '850181e4652dd023b7a98c58ae0d2d34bd487ee0cc3254aed6eda37307425907',
  s3Region: 'local',
  analyticsToken: 'api-key',
  databaseRootKey: 'd4dc5b6d4a1d6a10b2c1e76112c994d65db7cec380572cc1839624d4be3fa275',
  realtimeTenant: 'realtime-dev',
  realtimeEncryptionKey: 'supabaserealtime',
  secretKeyBase: 'EAx3IQ/wRG1v47ZD4NE4/9RzBI8Jmil3x0yhcW4V2NHBP6c2iPIzwjofi2Ep4HIG',
  poolerTenant: 'pooler-dev',
  vaultEncryptionKey: '12345678901234567890123456789032',
} as const

/** Signs user tokens where config.toml names no keys of its own. */
export const developmentSigningKey: Jwk = {
  kty: 'EC',
  kid: 'b81269f1-21d8-4f2e-b719-c2240a840d90',
  use: 'sig',
  key_ops: ['sign', 'verify'],
  alg: 'ES256',
  ext: true,
  crv: 'P-256',
  x: 'M5Sjqn5zwC9Kl1zVfUUGvv9boQjCGd45G8sdopBExB4',
  y: 'P6IXMvA2WYXSHSOMTBH2jsw_9rrzGy89FjPf6oOsIxQ',
  d: 'dIhR8wywJlqlua4y_yMq2SLhlFXDZJBCvFrY1DCHyVU',
}

const DEVELOPMENT_EXP = 1_983_812_996
const TEN_YEARS = 10 * 365 * 24 * 3_600

/** The API keys of a local project: the well-known ones for the well-known secret, else the same claims signed by its own secret (HS256). */
export const developmentApiKey = (role: ApiRole, jwtSecret: string): Promise<string> =>
  signJwt({ iss: 'supabase-demo', role, exp: DEVELOPMENT_EXP }, jwtSecret)

/** The API keys of a local project that has signing keys of its own: signed by the first of them, for ten years. */
export const projectApiKey = (role: ApiRole, signingKey: Jwk, nowSeconds: number): Promise<string> =>
  signJwt({ iss: 'supabase-demo', role, exp: nowSeconds + TEN_YEARS }, signingKey)

/** The JWKS text that REST, Realtime, Storage and functions of a local project verify with: public halves, then the shared secret where there is one. */
export const localJwks = (signingKeys: readonly Jwk[], jwtSecret: string | undefined, others: readonly Jwk[] = []): string => {
  const { alg: _, ...secret } = secretJwk(jwtSecret ?? '')
  return JSON.stringify({ keys: [...others, ...signingKeys.map(publicJwk), ...(jwtSecret === undefined ? [] : [secret])] })
}

const DEMO_VALUES: ReadonlySet<string> = new Set([
  // upstream's local stack
  development.databasePassword,
  development.jwtSecret,
  development.publishableKey,
  development.secretKey,
  development.analyticsToken,
  development.secretKeyBase,
  development.vaultEncryptionKey,
  // what upstream's compose file ships, older and newer
  'your-super-secret-and-long-postgres-password',
  'your-super-secret-jwt-token-with-at-least-32-characters-long',
  'this_password_is_insecure_and_should_be_updated',
  'UpNVntn3cDxHJpq99YMc1T1AQgQpc8kfYTuRgBiYa15BLrx8etQoXz3gZv1/u2oq',
  'your-encryption-key-32-chars-min',
  'your-32-character-encryption-key',
  'your-super-secret-and-long-logflare-key',
  'your-super-secret-and-long-logflare-key-public',
  'your-super-secret-and-long-logflare-key-private',
  development.s3AccessKeySecret,
])

const GUARDED = [
  'POSTGRES_PASSWORD',
  'JWT_SECRET',
  'ANON_KEY',
  'SERVICE_ROLE_KEY',
  'SUPABASE_PUBLISHABLE_KEY',
  'SUPABASE_SECRET_KEY',
  'ANON_KEY_ASYMMETRIC',
  'SERVICE_ROLE_KEY_ASYMMETRIC',
  'JWT_KEYS',
  'JWT_JWKS',
  'DASHBOARD_PASSWORD',
  'SECRET_KEY_BASE',
  'VAULT_ENC_KEY',
  'PG_META_CRYPTO_KEY',
  'LOGFLARE_PUBLIC_ACCESS_TOKEN',
  'LOGFLARE_PRIVATE_ACCESS_TOKEN',
  'S3_PROTOCOL_ACCESS_KEY_SECRET',
] as const

/** The names of the secrets whose values anybody can read in upstream's documentation. */
export const demoSecretsIn = (env: Environment): string[] => GUARDED.filter((name) => isDemo(env[name]))

function isDemo(value: string | undefined): boolean {
  if (!value) return false
  if (DEMO_VALUES.has(value) || value.includes(developmentSigningKey.x!)) return true
  const payload = /^[\w-]+\.([\w-]+)\.[\w-]*$/.exec(value)?.[1]
  return payload !== undefined && /"iss"\s*:\s*"supabase-demo"/.test(Buffer.from(payload, 'base64url').toString())
}
