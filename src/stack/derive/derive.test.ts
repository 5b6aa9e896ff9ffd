import { describe, expect, test } from 'vitest'
import { authUrlOf, deriveAuth } from './auth.ts'
import { deriveGateway } from './gateway.ts'
import { isAnyones, withOwn } from './own.ts'
import { derivePooler } from './pooler.ts'
import { deriveRest } from './rest.ts'
import { databaseUrl, type StackSettings } from './settings.ts'

const PASSWORD = `p@ss:w/rd#%&'"$ é`
const settings: StackSettings = {
  database: { host: '127.0.0.1', port: 5432, name: 'postgres', password: PASSWORD },
  jwtSecret: 'secret',
  jwtExpiry: 3600,
  jwtKeys: undefined,
  jwks: undefined,
  anonKey: 'anon',
  serviceRoleKey: 'service',
  publishableKey: 'sb_publishable_x',
  secretKey: 'sb_secret_x',
  anonKeyInside: 'anon',
  serviceRoleKeyInside: 'service',
  publicUrl: 'https://example.com',
  externalUrl: 'https://example.com/auth/v1',
}
const rest = { schemas: 'public', extraSearchPath: 'public', maxRows: undefined }

describe('databaseUrl', () => {
  const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('')
  test.each([PASSWORD, printable, 'plain', '密码'])('carries the password %j', (password) => {
    const url = new URL(databaseUrl({ ...settings.database, password }, 'postgres'))
    expect(decodeURIComponent(url.password)).toBe(password)
    expect([url.protocol, url.username, url.host, url.pathname]).toEqual(['postgresql:', 'postgres', '127.0.0.1:5432', '/postgres'])
  })
  test('of an IPv6 host, another database, and a server that wants TLS', () => {
    expect(databaseUrl({ ...settings.database, password: 'x', host: '::1', sslMode: 'require' }, 'u', '_supabase')).toBe(
      'postgresql://u:x@[::1]:5432/_supabase?sslmode=require&uselibpqcompat=true',
    )
  })
})

test('services verify with the JWKS where there is one, else with the secret', () => {
  expect(deriveRest(settings, rest)).toMatchObject({ PGRST_JWT_SECRET: 'secret', PGRST_DB_ANON_ROLE: 'anon' })
  expect(deriveRest({ ...settings, jwks: '{"keys":[]}' }, rest)).toMatchObject({
    PGRST_JWT_SECRET: '{"keys":[]}',
    PGRST_APP_SETTINGS_JWT_SECRET: 'secret',
  })
})

test('what is not set is no variable', () => {
  expect(deriveRest(settings, rest)).not.toHaveProperty('PGRST_DB_MAX_ROWS')
  expect(deriveAuth(settings, undefined)).not.toHaveProperty('GOTRUE_SMTP_HOST')
  expect(deriveAuth(settings, undefined)).not.toHaveProperty('GOTRUE_JWT_KEYS')
})

test('the gateway swaps opaque keys for what they stand for inside', () => {
  const env = deriveGateway({ ...settings, anonKeyInside: 'es256' }, { declarativeConfig: '/kong.yml', portMaps: '8000:8000' })
  expect(env).toMatchObject({ SUPABASE_ANON_KEY: 'anon', ANON_KEY_ASYMMETRIC: 'es256', JWT_ISSUER: 'https://example.com/auth/v1' })
})

test('the pooler’s URL has its own scheme', () => {
  const choices = {
    secretKeyBase: 'b',
    vaultEncryptionKey: 'v',
    tenantId: 't',
    defaultPoolSize: 20,
    maxClientConnections: 100,
    dbPoolSize: 5,
    poolMode: 'transaction',
  }
  expect(derivePooler(settings, choices)['DATABASE_URL']).toMatch(/^ecto:\/\/supabase_admin:.*\/_supabase$/)
})

test.each([
  ['http://localhost:8000', 'http://localhost:8000/auth/v1'],
  ['https://example.com/auth/v1', 'https://example.com/auth/v1'],
  ['https://example.com/base', 'https://example.com/base/auth/v1'],
])('auth of %s lies at %s', (external, url) => {
  expect(authUrlOf(external)).toBe(url)
})

describe('own variables', () => {
  const stackWide = new Set(['PGRST_DB_SCHEMAS', 'KONG_HTTP_PORT'])
  test.each<[string, Record<string, string>, Record<string, string>, Record<string, string>]>([
    ['rest', { PGRST_DB_POOL: '10' }, { PGRST_DB_POOL: '20', PGRST_LOG_LEVEL: 'info' }, { PGRST_DB_POOL: '20', PGRST_LOG_LEVEL: 'info' }],
    ['rest', { PGRST_DB_SCHEMAS: 'a' }, { PGRST_DB_SCHEMAS: 'b', GOTRUE_SITE_URL: 'x', PORT: '1' }, { PGRST_DB_SCHEMAS: 'a' }],
    ['rest', { PGRST_DB_POOL: '10' }, { PGRST_DB_POOL: '' }, { PGRST_DB_POOL: '10' }],
    ['auth', { GOTRUE_SMTP_PASS: 'x' }, { GOTRUE_SMTP_PASS_FILE: '/run/pass' }, { GOTRUE_SMTP_PASS_FILE: '/run/pass' }],
    [
      'gateway',
      { KONG_DATABASE: 'off' },
      { KONG_HTTP_PORT: '1', KONG_LOG_LEVEL: 'info' },
      { KONG_DATABASE: 'off', KONG_LOG_LEVEL: 'info' },
    ],
    ['gateway', {}, { TRAEFIK_PING: 'true', DOMAIN: 'x' }, { TRAEFIK_PING: 'true' }],
    ['db', {}, { PLINTH_DB_SETTINGS: '{}', PGDATA: '/x', DATABASE_URL: 'x' }, { PLINTH_DB_SETTINGS: '{}' }],
  ])('of %s: %j and %j give %j', (kind, derived, source, expected) => {
    expect(withOwn(kind, derived, source, stackWide)).toEqual(expected)
  })
  test.each(['PORT', 'HOST', 'DATABASE_URL', 'DB_HOST', 'HOME', 'NODE_ENV', 'LOG_LEVEL', 'REGION'])(
    '%s of the machine is nobody’s',
    (name) => {
      expect(isAnyones(name)).toBe(false)
    },
  )
})
