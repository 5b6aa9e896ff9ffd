import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Environment } from '../../service/definition.ts'
import type { StackDescription } from '../description.ts'
import { describeProject } from './project.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const EXISTING = ['db', 'gateway', 'rest', 'auth', 'mail']

function describeWith(
  config: string,
  options: { env?: Environment; exclude?: string[]; files?: Record<string, string>; existing?: string[] } = {},
): Promise<StackDescription> {
  const workDir = mkdtempSync(join(tmpdir(), 'project-'))
  folders.push(workDir)
  for (const [path, text] of Object.entries({ 'supabase/config.toml': config, ...options.files })) {
    mkdirSync(dirname(join(workDir, path)), { recursive: true })
    writeFileSync(join(workDir, path), text)
  }
  return describeProject({
    workDir,
    env: options.env ?? {},
    exclude: options.exclude ?? [],
    schemas: new Map((options.existing ?? EXISTING).map((name) => [name, z.object({})])),
    migrations: [],
    report: () => {},
  })
}

const names = ({ nodes }: StackDescription): string[] => nodes.map(({ name }) => name).sort()
const envOf = ({ nodes }: StackDescription, name: string): Environment => nodes.find((node) => node.name === name)!.env
const valuesOf = ({ values }: StackDescription): Record<string, string | number> =>
  Object.fromEntries(values.map(({ name, value }) => [name, value]))

describe('which services run', () => {
  test('those that exist; the others are named in one line and answer 503', async () => {
    const stack = await describeWith('')
    expect(names(stack)).toEqual(['auth', 'db', 'gateway', 'mail', 'rest'])
    expect(stack.notices).toEqual([
      'realtime, storage, meta, functions, studio, analytics, vector are enabled and not part of this version of Plinth yet: requests for them answer 503.',
    ])
    expect(stack.absent.find((absent) => absent.names.includes('realtime-dev.supabase-realtime'))?.reason).toBe(
      'The service realtime is not running: this version of Plinth does not have it yet.',
    )
    expect(stack.absent.find((absent) => absent.names.includes('pooler'))?.reason).toBe(
      'The service pooler is not running: [db.pooler] enabled = false in supabase/config.toml.',
    )
  })
  test.each<[string, { env?: Environment; exclude?: string[] }, string[]]>([
    ['[auth]\nenabled = false\n[local_smtp]\nenabled = false\n', {}, ['db', 'gateway', 'rest']],
    ['[api]\nenabled = false\n', {}, ['auth', 'db', 'mail']],
    ['', { exclude: ['gotrue', 'mailpit', 'kong'] }, ['db', 'rest']],
    ['[auth]\nenabled = false\n', { env: { PLINTH_SERVICES: 'kong, auth' } }, ['auth', 'db', 'gateway']],
    ['', { env: { PLINTH_SERVICES: 'rest,auth' }, exclude: ['gotrue'] }, ['db', 'rest']],
  ])('%j with %j runs %j', async (config, options, running) => {
    expect(names(await describeWith(config, options))).toEqual(running)
  })
  test('an unknown name in PLINTH_SERVICES is an error that lists the known ones', async () => {
    await expect(describeWith('', { env: { PLINTH_SERVICES: 'rest,rset' } })).rejects.toThrow(
      /PLINTH_SERVICES names unknown services: rset/,
    )
  })
  test('needs name only nodes that are there', async () => {
    const stack = await describeWith('', { existing: [...EXISTING, 'storage'] })
    expect(stack.nodes.find(({ name }) => name === 'storage')?.needs).toEqual({ db: 'healthy', rest: 'started' })
  })
})

describe('status values', () => {
  test('are upstream’s, with the well-known keys', async () => {
    expect(valuesOf(await describeWith(''))).toEqual({
      API_URL: 'http://127.0.0.1:54321',
      REST_URL: 'http://127.0.0.1:54321/rest/v1',
      GRAPHQL_URL: 'http://127.0.0.1:54321/graphql/v1',
      DB_URL: 'postgresql://postgres:postgres@127.0.0.1:54322/postgres',
      MAILPIT_URL: 'http://127.0.0.1:54324',
      INBUCKET_URL: 'http://127.0.0.1:54324',
      PUBLISHABLE_KEY: 'sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH',
      SECRET_KEY: 'sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz',
      JWT_SECRET: 'super-secret-jwt-token-with-at-least-32-characters-long',
      ANON_KEY:
        'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJzdXBhYmFzZS1kZW1vIiwicm9sZSI6ImFub24iLCJleHAiOjE5ODM4MTI5OTZ9.CRXP1A7WOeoJeXxjNni43kdQwgnWNReilDMblYTn_I0',
      SERVICE_ROLE_KEY:
        'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJzdXBhYmFzZS1kZW1vIiwicm9sZSI6InNlcnZpY2Vfcm9sZSIsImV4cCI6MTk4MzgxMjk5Nn0.EGIM96RAZx35lJzdJsyH-qQwv8Hdp7fsn3W0YpN81IU',
      STORAGE_S3_URL: 'http://127.0.0.1:54321/storage/v1/s3',
      S3_PROTOCOL_ACCESS_KEY_ID: '625729a08b95bf1b7ff351a663f3a23c',
      S3_PROTOCOL_ACCESS_KEY_SECRET: '850181e4652dd023b7a98c58ae0d2d34bd487ee0cc3254aed6eda37307425907',
      S3_PROTOCOL_REGION: 'local',
    })
  })
  test('leave out what is switched off, follow TLS and the public address', async () => {
    const off = valuesOf(await describeWith('[auth]\nenabled = false\n[storage]\nenabled = false\n[inbucket]\nenabled = false\n'))
    expect(Object.keys(off).sort()).toEqual(['API_URL', 'DB_URL', 'GRAPHQL_URL', 'REST_URL'])
    expect(valuesOf(await describeWith('[api.tls]\nenabled = true\n'))['API_URL']).toBe('https://127.0.0.1:54321')
    expect(valuesOf(await describeWith('[api]\nexternal_url = "https://api.example.com/"\n'))['REST_URL']).toBe(
      'https://api.example.com/rest/v1',
    )
  })
})

describe('keys', () => {
  const payload = (token: string | number | undefined, part = 1): unknown =>
    JSON.parse(Buffer.from(String(token).split('.')[part]!, 'base64url').toString())

  test('another jwt_secret signs both API keys anew, with the same claims', async () => {
    const stack = await describeWith('[auth]\njwt_secret = "my-own-secret-that-is-long-enough-for-hs256"\n')
    const values = valuesOf(stack)
    expect(payload(values['ANON_KEY'])).toEqual({ iss: 'supabase-demo', role: 'anon', exp: 1983812996 })
    expect(payload(values['SERVICE_ROLE_KEY'])).toEqual({ iss: 'supabase-demo', role: 'service_role', exp: 1983812996 })
    expect(values['JWT_SECRET']).toBe('my-own-secret-that-is-long-enough-for-hs256')
    const jwks = JSON.parse(envOf(stack, 'rest')['PGRST_JWT_SECRET']!) as { keys: Record<string, string>[] }
    expect(jwks.keys.map(({ kty }) => kty)).toEqual(['EC', 'oct'])
    expect(Buffer.from(jwks.keys[1]!['k']!, 'base64url').toString()).toBe('my-own-secret-that-is-long-enough-for-hs256')
    expect(jwks.keys[0]).not.toHaveProperty('d')
  })
  test('signing_keys_path: its first key signs the API keys, the shared secret verifies nothing any more', async () => {
    const key = {
      kty: 'EC',
      kid: 'mine',
      use: 'sig',
      key_ops: ['sign', 'verify'],
      alg: 'ES256',
      ext: true,
      crv: 'P-256',
      x: 'M5Sjqn5zwC9Kl1zVfUUGvv9boQjCGd45G8sdopBExB4',
      y: 'P6IXMvA2WYXSHSOMTBH2jsw_9rrzGy89FjPf6oOsIxQ',
      d: 'dIhR8wywJlqlua4y_yMq2SLhlFXDZJBCvFrY1DCHyVU',
    }
    const stack = await describeWith('[auth]\nsigning_keys_path = "./keys.json"\n', {
      files: { 'supabase/keys.json': JSON.stringify([key]) },
    })
    expect(payload(valuesOf(stack)['ANON_KEY'], 0)).toEqual({ alg: 'ES256', kid: 'mine', typ: 'JWT' })
    expect(JSON.parse(envOf(stack, 'rest')['PGRST_JWT_SECRET']!)).toEqual({
      keys: [expect.objectContaining({ kid: 'mine', key_ops: ['verify'] })],
    })
    expect(JSON.parse(envOf(stack, 'auth')['GOTRUE_JWT_KEYS']!)).toEqual([key])
  })
})

describe('ports', () => {
  test('only those of config.toml are fixed, each with the key that changes it', async () => {
    const { ports } = await describeWith('[local_smtp]\nsmtp_port = 54325\n')
    expect(ports.map(({ node, port, endpoint, setting }) => [node, port, endpoint, setting])).toEqual([
      ['db', 54322, undefined, '[db] port in supabase/config.toml'],
      ['gateway', 54321, 8000, '[api] port in supabase/config.toml'],
      ['mail', 54324, 8025, '[inbucket] port in supabase/config.toml'],
      ['mail', 54325, undefined, '[inbucket] smtp_port in supabase/config.toml'],
    ])
    expect(ports.every(({ host }) => host === '127.0.0.1')).toBe(true)
  })
  test('with TLS the API is the other endpoint of the gateway', async () => {
    const { ports } = await describeWith('[api.tls]\nenabled = true\n')
    expect(ports.find(({ node }) => node === 'gateway')?.endpoint).toBe(8443)
  })
  test('auth sends its mails to where the catcher takes them', async () => {
    const stack = await describeWith('')
    expect(envOf(stack, 'mail')['MP_SMTP_BIND_ADDR']).toBe(`127.0.0.1:${envOf(stack, 'auth')['GOTRUE_SMTP_PORT']}`)
    expect(envOf(await describeWith('', { exclude: ['mailpit'] }), 'auth')).not.toHaveProperty('GOTRUE_SMTP_HOST')
  })
})

describe('variables', () => {
  test('the database gets its settings, secret and expiry', async () => {
    expect(
      envOf(await describeWith('[db.settings]\nstatement_timeout = "30s"\nmax_connections = 50\n[auth]\njwt_expiry = 99\n'), 'db'),
    ).toMatchObject({
      POSTGRES_PORT: '54322',
      POSTGRES_PASSWORD: 'postgres',
      JWT_EXP: '99',
      PLINTH_DB_LISTEN: '127.0.0.1',
      PLINTH_DB_SETTINGS: '{"max_connections":"50","statement_timeout":"30s"}',
    })
  })
  test('REST gets schemas, limits and the key set', async () => {
    expect(envOf(await describeWith('[api]\nschemas = ["a", "b"]\nmax_rows = 3\n'), 'rest')).toMatchObject({
      PGRST_DB_URI: 'postgresql://authenticator:postgres@127.0.0.1:54322/postgres',
      PGRST_DB_SCHEMAS: 'a,b',
      PGRST_DB_EXTRA_SEARCH_PATH: 'public,extensions',
      PGRST_DB_MAX_ROWS: '3',
      PGRST_DB_ANON_ROLE: 'anon',
      PGRST_ADMIN_SERVER_PORT: '3001',
    })
  })
  test.each<[string, Record<string, string | undefined>]>([
    [
      '',
      {
        API_EXTERNAL_URL: 'http://127.0.0.1:54321/auth/v1',
        GOTRUE_SITE_URL: 'http://127.0.0.1:3000',
        GOTRUE_URI_ALLOW_LIST: 'https://127.0.0.1:3000',
        GOTRUE_JWT_ISSUER: 'http://127.0.0.1:54321/auth/v1',
        GOTRUE_JWT_VALID_METHODS: 'HS256,RS256,ES256',
        GOTRUE_MAILER_URLPATHS_INVITE: 'http://127.0.0.1:54321/auth/v1/verify',
        GOTRUE_MAILER_AUTOCONFIRM: 'true',
        GOTRUE_DISABLE_SIGNUP: 'false',
        GOTRUE_RATE_LIMIT_EMAIL_SENT: '360000',
        GOTRUE_SMTP_ADMIN_EMAIL: 'admin@email.com',
        GOTRUE_SMTP_SENDER_NAME: 'Admin',
        GOTRUE_MFA_TOTP_ENROLL_ENABLED: 'false',
        GOTRUE_SMS_OTP_EXP: '6000',
        GOTRUE_SMS_TEMPLATE: 'Your code is {{ .Code }}',
        GOTRUE_SESSIONS_TIMEBOX: undefined,
        GOTRUE_EXTERNAL_APPLE_ENABLED: 'false',
        GOTRUE_DB_DATABASE_URL: 'postgresql://supabase_auth_admin:postgres@127.0.0.1:54322/postgres',
      },
    ],
    [
      '[auth]\nexternal_url = "https://auth.example.com"\njwt_issuer = "https://iss"\n',
      { API_EXTERNAL_URL: 'https://auth.example.com', GOTRUE_JWT_ISSUER: 'https://iss' },
    ],
    ['[auth]\nsite_url = "env(UNSET)"\n', { GOTRUE_SITE_URL: 'http://127.0.0.1:3000' }],
    [
      '[auth]\npassword_requirements = "letters_digits"\n',
      { GOTRUE_PASSWORD_REQUIRED_CHARACTERS: 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:0123456789' },
    ],
    [
      '[auth.email.smtp]\nhost = "h"\nport = 25\nuser = "u"\npass = "p"\nadmin_email = "a@b.c"\n[auth.rate_limit]\nemail_sent = 7\n',
      { GOTRUE_SMTP_HOST: 'h', GOTRUE_SMTP_PORT: '25', GOTRUE_SMTP_PASS: 'p', GOTRUE_RATE_LIMIT_EMAIL_SENT: '7' },
    ],
    [
      '[auth.sms]\nenabled = true\n[auth.sms.vonage]\nenabled = true\nfrom = "f"\napi_key = "k"\napi_secret = "s"\n[auth.sms.test_otp]\n4152127777 = "123456"\n4152127778 = 7\n',
      {
        GOTRUE_EXTERNAL_PHONE_ENABLED: 'true',
        GOTRUE_SMS_PROVIDER: 'vonage',
        GOTRUE_SMS_VONAGE_API_SECRET: 's',
        GOTRUE_SMS_TEST_OTP: '4152127777:123456,4152127778:7',
      },
    ],
    [
      '[auth.mfa.web_authn]\nenroll_enabled = true\nverify_enabled = true\n[auth.webauthn]\nrp_id = "localhost"\nrp_display_name = "App"\nrp_origins = ["http://localhost:3000"]\n',
      {
        GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED: 'true',
        GOTRUE_WEBAUTHN_RP_ID: 'localhost',
        GOTRUE_WEBAUTHN_RP_ORIGINS: 'http://localhost:3000',
        GOTRUE_PASSKEY_ENABLED: undefined,
      },
    ],
    [
      '[auth.oauth_server]\nenabled = true\nallow_dynamic_registration = true\nauthorization_url_path = "/consent"\n',
      {
        GOTRUE_OAUTH_SERVER_ENABLED: 'true',
        GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION: 'true',
        GOTRUE_OAUTH_SERVER_AUTHORIZATION_PATH: '/consent',
      },
    ],
    [
      '[auth.external.github]\nenabled = true\nclient_id = "i"\nsecret = "s"\n',
      { GOTRUE_EXTERNAL_GITHUB_CLIENT_ID: 'i', GOTRUE_EXTERNAL_GITHUB_REDIRECT_URI: 'http://127.0.0.1:54321/auth/v1/callback' },
    ],
    [
      '[auth.hook.custom_access_token]\nenabled = true\nuri = "pg-functions://postgres/public/f"\n',
      { GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_ENABLED: 'true', GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_URI: 'pg-functions://postgres/public/f' },
    ],
    ['[auth.sessions]\ntimebox = "24h"\n', { GOTRUE_SESSIONS_TIMEBOX: '24h' }],
  ])('auth for %j', async (config, expected) => {
    const env = envOf(await describeWith(config), 'auth')
    expect(Object.fromEntries(Object.keys(expected).map((name) => [name, env[name]]))).toEqual(expected)
  })
  test('mail templates are files; notifications lie beside config.toml or, newer, as templates do', async () => {
    const stack = await describeWith(
      '[auth.email.template.invite]\nsubject = "S"\ncontent_path = "./supabase/t/invite.html"\n[auth.email.notification.password_changed]\nenabled = true\ncontent_path = "./t/changed.html"\n[auth.email.notification.email_changed]\nenabled = true\ncontent_path = "./supabase/t/changed.html"\n',
      { files: { 'supabase/t/invite.html': 'x', 'supabase/t/changed.html': 'x' } },
    )
    expect(envOf(stack, 'auth')).toMatchObject({
      GOTRUE_MAILER_SUBJECTS_INVITE: 'S',
      GOTRUE_MAILER_TEMPLATES_INVITE: join(stack.workDir, 'supabase/t/invite.html'),
      GOTRUE_MAILER_TEMPLATE_RELOADING_ENABLED: 'true',
      GOTRUE_MAILER_NOTIFICATIONS_PASSWORD_CHANGED_ENABLED: 'true',
      GOTRUE_MAILER_TEMPLATES_PASSWORD_CHANGED_NOTIFICATION: join(stack.workDir, 'supabase/t/changed.html'),
      GOTRUE_MAILER_TEMPLATES_EMAIL_CHANGED_NOTIFICATION: join(stack.workDir, 'supabase/t/changed.html'),
    })
  })
  test('a service’s own variable wins over the configuration; other variables do not reach it', async () => {
    const stack = await describeWith('', {
      env: { GOTRUE_JWT_EXP: '7', PATH: '/bin', DATABASE_URL: 'x' },
      files: { '.env': 'PGRST_DB_POOL=3\n' },
    })
    expect(envOf(stack, 'auth')).toMatchObject({ GOTRUE_JWT_EXP: '7' })
    expect(envOf(stack, 'rest')).toMatchObject({ PGRST_DB_POOL: '3' })
    expect(envOf(stack, 'rest')).not.toHaveProperty('PATH')
    expect(envOf(stack, 'auth')).not.toHaveProperty('DATABASE_URL')
  })
})
