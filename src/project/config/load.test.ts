import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Environment } from '../../service/definition.ts'
import { ConfigError } from './error.ts'
import { type LoadedProject, loadProject } from './load.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function project(config: string, files: Readonly<Record<string, string>> = {}): string {
  const dir = mkdtempSync(join(tmpdir(), 'config-'))
  folders.push(dir)
  for (const [path, text] of Object.entries({ 'supabase/config.toml': config, ...files })) {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    writeFileSync(join(dir, path), text)
  }
  return dir
}

const load = (config: string, options: { env?: Environment; files?: Record<string, string>; linkedRef?: string } = {}): LoadedProject =>
  loadProject({
    workDir: project(config, options.files),
    processEnv: options.env ?? {},
    ...(options.linkedRef === undefined ? {} : { linkedRef: options.linkedRef }),
  })

function problemsOf(config: string, options: Parameters<typeof load>[1] = {}): readonly string[] {
  try {
    load(config, options)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('defaults', () => {
  test('an empty file has the values of the template, the id is the folder’s name', () => {
    const { config, warnings, workDir } = load('')
    expect(warnings).toEqual([])
    expect(config.project_id).toBe(workDir.split('/').pop())
    expect(config.api).toEqual({
      enabled: true,
      port: 54321,
      schemas: ['public', 'graphql_public'],
      extra_search_path: ['public', 'extensions'],
      max_rows: 1000,
      tls: { enabled: false },
    })
    expect(config.db.pooler).toEqual({ enabled: false, port: 54329, pool_mode: 'transaction', default_pool_size: 20, max_client_conn: 100 })
    expect(config.inbucket).toEqual({ enabled: true, port: 54324, admin_email: 'admin@email.com', sender_name: 'Admin' })
    expect(config.auth.email).toMatchObject({ enabled: true, max_frequency: '1s', otp_length: 6, otp_expiry: 3600 })
    expect(config.auth.sms.template).toBe('Your code is {{ .Code }}')
    expect(config.storage).toMatchObject({ file_size_limit: 52_428_800, s3_protocol: { enabled: true }, buckets: {} })
    expect(config.storage.image_transformation).toBeUndefined()
  })
  test('a table of the file leaves the other keys of the template as they are', () => {
    expect(load('[api]\nport = 1234\n').config.api).toMatchObject({ port: 1234, max_rows: 1000 })
  })
  test('a section of a mail server without `enabled` counts as on; buckets and functions may be empty tables', () => {
    const { config } = load(
      '[auth.email.smtp]\nhost = "h"\nport = 25\nuser = "u"\npass = "p"\nadmin_email = "a@b.c"\n[storage.buckets.one]\n[functions.hello]\n',
    )
    expect(config.auth.email.smtp?.enabled).toBe(true)
    expect(config.storage.buckets).toEqual({ one: { public: false } })
    expect(config.functions).toEqual({ hello: { enabled: true, verify_jwt: true, static_files: [] } })
  })
})

describe('precedence', () => {
  test.each<[string, Environment, string, unknown]>([
    ['', { SUPABASE_API_PORT: '1111' }, 'api.port', 1111],
    ['[api]\nport = 1\n', { SUPABASE_API_PORT: '1111' }, 'api.port', 1111],
    ['', { SUPABASE_API_SCHEMAS: 'a,b' }, 'api.schemas', ['a', 'b']],
    ['', { SUPABASE_AUTH_ENABLE_SIGNUP: 'false' }, 'auth.enable_signup', false],
    ['', { SUPABASE_AUTH_JWT_SECRET: 'x'.repeat(32) }, 'auth.jwt_secret', undefined],
    ['[auth]\njwt_secret = "0123456789abcdef"\n', { SUPABASE_AUTH_JWT_SECRET: 'x'.repeat(32) }, 'auth.jwt_secret', 'x'.repeat(32)],
    ['', { SUPABASE_INBUCKET_PORT: '1111' }, 'inbucket.port', 1111],
    ['', { SUPABASE_LOCAL_SMTP_PORT: '1111' }, 'inbucket.port', 1111],
    ['', { SUPABASE_AUTH_EMAIL_ENABLE_SIGNUP: 'false' }, 'auth.email.enabled', false],
    ['', { SUPABASE_AUTH_EMAIL_ENABLED: 'false' }, 'auth.email.enabled', false],
    ['', { SUPABASE_PROJECT_ID: 'mine' }, 'project_id', 'mine'],
    ['', { SUPABASE_API_PORT: '' }, 'api.port', 54321],
  ])('%j with %j has %s = %j', (config, env, path, value) => {
    expect(path.split('.').reduce((table: unknown, key) => (table as Record<string, unknown>)[key], load(config, { env }).config)).toEqual(
      value,
    )
  })
  test('files: the process first, then supabase/, then the project folder; local before shared; never overwritten', () => {
    const files = {
      '.env': 'A=root\nB=root\nC=root\nD=root\nE=root\n',
      '.env.local': 'A=root.local\nB=root.local\nC=root.local\nD=root.local\n',
      'supabase/.env': 'A=supabase\nB=supabase\nC=supabase\n',
      'supabase/.env.development': 'A=mode\nB=mode\n',
      'supabase/.env.local': 'A=local\n',
    }
    expect(load('', { files, env: { X: '1' } }).env).toMatchObject({
      A: 'local',
      B: 'mode',
      C: 'supabase',
      D: 'root.local',
      E: 'root',
      X: '1',
    })
    expect(load('', { files, env: { A: 'process', SUPABASE_ENV: 'test' } }).env).toMatchObject({ A: 'process', B: 'supabase', D: 'root' })
  })
  test('a variable of a file overrides a key like one of the process', () => {
    expect(load('', { files: { '.env': 'SUPABASE_API_PORT=4321\n' } }).config.api.port).toBe(4321)
  })
  test('the block of the linked remote is over the file and switches seeding off', () => {
    const config = '[api]\nmax_rows = 1\n[remotes.live]\nproject_id = "abcdefghijklmnopqrst"\n[remotes.live.api]\nmax_rows = 2\n'
    expect(load(config).config.api.max_rows).toBe(1)
    const linked = load(config, { linkedRef: 'abcdefghijklmnopqrst' }).config
    expect([linked.api.max_rows, linked.db.seed.enabled]).toEqual([2, false])
    expect(load(`${config}[remotes.live.db.seed]\nenabled = true\n`, { linkedRef: 'abcdefghijklmnopqrst' }).config.db.seed.enabled).toBe(
      true,
    )
  })
})

describe('env(NAME)', () => {
  test('stands for values of any type', () => {
    const { config, warnings } = load(
      '[api]\nport = "env(P)"\nschemas = "env(L)"\n[db.seed]\nenabled = "env(B)"\n[auth]\nadditional_redirect_urls = ["env(U)", "x"]\n[auth.email]\nmax_frequency = "env(D)"\n[storage]\nfile_size_limit = "env(S)"\n',
      { env: { P: '99', L: 'a,b', B: 'false', U: 'http://u', D: '1h30m', S: '5kb' } },
    )
    expect(config.api).toMatchObject({ port: 99, schemas: ['a', 'b'] })
    expect(config.db.seed.enabled).toBe(false)
    expect(config.auth.additional_redirect_urls).toEqual(['http://u', 'x'])
    expect(config.auth.email.max_frequency).toBe('1h30m')
    expect(config.storage.file_size_limit).toBe(5120)
    expect(warnings).toEqual([])
  })
  test('an unset variable leaves the text; secrets and addresses that are needed are warned of', () => {
    const { config, warnings } = load(
      '[auth]\nsite_url = "env(SITE)"\n[auth.external.google]\nenabled = true\nclient_id = "id"\nsecret = "env(GOOGLE)"\n[auth.external.github]\nenabled = false\nsecret = "env(GITHUB)"\n[studio]\nopenai_api_key = "env(OPENAI_API_KEY)"\n[auth.sms]\ntemplate = "env(WORDS)"\n',
      { env: { GOOGLE: '' } },
    )
    expect(config.auth.site_url).toBe('env(SITE)')
    expect(config.auth.sms.template).toBe('env(WORDS)')
    expect([...warnings].sort()).toEqual(['WARN: environment variable is unset: GOOGLE', 'WARN: environment variable is unset: SITE'])
  })
  test('an unset variable where a number is needed is named', () => {
    expect(problemsOf('[api]\nport = "env(NOPE)"\n')).toEqual([
      'failed to parse config: api.port must be a whole number (the environment variable NOPE is unset)',
    ])
  })
  test('a text that only contains a reference stays', () => {
    expect(load('[auth]\nsite_url = "http://env(X)"\n', { env: { X: '1' } }).config.auth.site_url).toBe('http://env(X)')
  })
})

describe('both generations', () => {
  test('newer names are read without a word', () => {
    const { config, warnings } = load('[local_smtp]\nport = 99\n[auth.email]\nenabled = false\n[auth.sms]\nenabled = false\n')
    expect([config.inbucket.port, config.inbucket.enabled, config.auth.email.enabled]).toEqual([99, true, false])
    expect(warnings).toEqual([])
  })
  test('older names are read with the warning of their end', () => {
    const { config, warnings } = load('[inbucket]\nport = 99\n[auth.email]\nenable_signup = false\n')
    expect([config.inbucket.port, config.auth.email.enabled]).toEqual([99, false])
    expect(warnings).toEqual(['WARN: auth.email.enable_signup is deprecated and will be removed in v4, use auth.email.enabled instead.'])
  })
  test('unknown keys are named by their whole path and ignored', () => {
    const { config, warnings } = load('strange = 1\n[api]\nprot = 1\nport = 7\n[odd.table]\na = 1\n[storage.buckets.b]\npubic = true\n')
    expect(config.api.port).toBe(7)
    expect(warnings).toEqual([
      'WARN: supabase/config.toml has keys this version of Plinth does not recognize and ignores: api.prot, odd, storage.buckets.b.pubic, strange.',
    ])
  })
})

const at = (table: string, line: string): string => `[${table}]\n${line}\n`

describe('what is refused', () => {
  test.each<[string, string, string]>([
    ['port 0', at('api', 'port = 0'), 'Missing required field in config: api.port'],
    ['database port 0', at('db', 'port = 0'), 'Missing required field in config: db.port'],
    ['studio without a port', at('studio', 'port = 0'), 'Missing required field in config: studio.port'],
    ['mail without a port', at('local_smtp', 'port = 0'), 'Missing required field in config: inbucket.port'],
    ['no site', at('auth', 'site_url = ""'), 'Missing required field in config: auth.site_url'],
    [
      'a wrong choice',
      at('db.pooler', 'pool_mode = "statement"'),
      'failed to parse config: db.pooler.pool_mode must be one of [transaction session]',
    ],
    ['a Postgres of another major', at('db', 'major_version = 16'), 'Failed reading config: Invalid db.major_version: 16.'],
    [
      'Postgres 12',
      at('db', 'major_version = 12'),
      'Postgres version 12.x is unsupported (db.major_version): start a new project, or upgrade the remote database first.',
    ],
    [
      'a bucket with a slash',
      at('storage.buckets."a/b"', ''),
      "Invalid Bucket name: a/b. Only lowercase letters, numbers, dots, hyphens, and spaces are allowed. (^(\\w|!|-|\\.|\\*|'|\\(|\\)| |&|\\$|@|=|;|:|\\+|,|\\?)*$)",
    ],
    [
      'a function that begins with a digit',
      at('functions.1st', ''),
      'Invalid Function name: 1st. Must start with at least one letter, and only include alphanumeric characters, underscores, and hyphens. (^[A-Za-z][A-Za-z0-9_-]*$)',
    ],
    ['a short secret', at('auth', 'jwt_secret = "tooshort"'), 'Invalid config for auth.jwt_secret. Must be at least 16 characters'],
    [
      'a missing key file',
      at('auth', 'signing_keys_path = "./none.json"'),
      'failed to read signing keys: open DIR/supabase/none.json: no such file or directory',
    ],
    [
      'a template without a path',
      at('auth.email.template.invite', 'content = "x"'),
      'Invalid config for auth.email.template.invite.content: please use content_path instead',
    ],
    [
      'a template that is not there',
      at('auth.email.template.invite', 'content_path = "./none.html"'),
      'Invalid config for auth.email.template.invite.content_path: open DIR/none.html: no such file or directory',
    ],
    ['a hook without an address', at('auth.hook.send_sms', 'enabled = true'), 'Missing required field in config: auth.hook.send_sms.uri'],
    [
      'an http hook without secrets',
      at('auth.hook.send_sms', 'enabled = true\nuri = "http://x/y"'),
      'Missing required field in config: auth.hook.send_sms.secrets',
    ],
    [
      'a hook with a bad secret',
      at('auth.hook.send_sms', 'enabled = true\nuri = "http://x/y"\nsecrets = "abc"'),
      'Invalid hook config: auth.hook.send_sms.secrets must be formatted as "v1,whsec_<base64_encoded_secret>" with a minimum length of 32 characters.',
    ],
    [
      'a database hook with secrets',
      at('auth.hook.send_sms', 'enabled = true\nuri = "pg-functions://postgres/a/b"\nsecrets = "abc"'),
      'Invalid hook config: auth.hook.send_sms.secrets is unsupported for pg-functions URI',
    ],
    [
      'a hook with another scheme',
      at('auth.hook.send_sms', 'enabled = true\nuri = "ftp://x/y"'),
      'Invalid hook config: auth.hook.send_sms.uri should be a HTTP, HTTPS, or pg-functions URI',
    ],
    [
      'enrolment without verification',
      at('auth.mfa.totp', 'enroll_enabled = true'),
      'Invalid MFA config: auth.mfa.totp.enroll_enabled requires verify_enabled',
    ],
    [
      'a provider without an id',
      at('auth.external.github', 'enabled = true\nsecret = "s"'),
      'Missing required field in config: auth.external.github.client_id',
    ],
    [
      'a provider without a secret',
      at('auth.external.github', 'enabled = true\nclient_id = "s"'),
      'Missing required field in config: auth.external.github.secret',
    ],
    [
      'two third parties',
      at('auth.third_party.firebase', 'enabled = true\nproject_id = "x"') + at('auth.third_party.auth0', 'enabled = true\ntenant = "y"'),
      'Invalid config: Only one third_party provider allowed to be enabled at a time.',
    ],
    [
      'passkeys alone',
      at('auth.passkey', 'enabled = true'),
      'Missing required config section: auth.webauthn (required when auth.passkey.enabled is true)',
    ],
    [
      'a remote with a strange id',
      at('remotes.x', 'project_id = "abc"'),
      'Invalid config for remotes.x.project_id. Must be like: abcdefghijklmnopqrst',
    ],
    ['Deno 3', at('edge_runtime', 'deno_version = 3'), 'Failed reading config: Invalid edge_runtime.deno_version: 3.'],
    [
      'webhooks off',
      at('experimental.webhooks', 'enabled = false'),
      'Webhooks cannot be deactivated. [experimental.webhooks] enabled can either be true or left undefined',
    ],
    [
      'a size that is none',
      at('storage', 'file_size_limit = "big"'),
      'failed to parse config: storage.file_size_limit must be a size such as "50MiB"',
    ],
    [
      'a duration that is none',
      at('auth.email', 'max_frequency = "soon"'),
      'failed to parse config: auth.email.max_frequency must be a duration such as "30s", "5m" or "1h30m"',
    ],
    ['a text where a table is needed', 'api = "x"\n', 'failed to parse config: api must be a table'],
    ['half a certificate', at('api.tls', 'enabled = true\ncert_path = "./c.pem"'), 'Missing required field in config: api.tls.key_path'],
    [
      'an SMS provider without its keys',
      at('auth.sms.twilio', 'enabled = true\naccount_sid = "a"\nauth_token = "b"'),
      'Missing required field in config: auth.sms.twilio.message_service_sid',
    ],
  ])('%s', (_, config, problem) => {
    const problems = problemsOf(config)
    expect(problems.map((text) => text.replace(folders.at(-1)!, 'DIR'))).toEqual([problem])
  })
  test('bigquery needs its three keys, all are named', () => {
    expect(problemsOf(at('analytics', 'backend = "bigquery"'))).toEqual([
      'Missing required field in config: analytics.gcp_project_id',
      'Missing required field in config: analytics.gcp_project_number',
      'Missing required field in config: analytics.gcp_jwt_path',
    ])
  })
  test('all problems come at once, also from one table and across kinds', () => {
    const problems = problemsOf(
      'odd = 1\n[api]\nport = 0\nmax_rows = "x"\n[db]\nmajor_version = 16\n[auth]\njwt_secret = "tooshort"\nsite_url = ""\n[functions.1st]\n[auth.passkey]\nenabled = true\n',
    ).join('\n')
    for (const part of ['api.port', 'api.max_rows', 'major_version', 'jwt_secret', 'site_url', '1st', 'auth.webauthn'])
      expect(problems).toContain(part)
  })
  test('broken TOML is told with its line, without its content', () => {
    expect(problemsOf('project_id = "x"\n[api\nport = 1\n')[0]).toMatch(
      /^failed to merge file config: supabase\/config\.toml: toml: line 2 /,
    )
  })
  test.each([
    ['TOKEN="never-shown\n', /^failed to parse environment file: \.env \(unterminated quoted value\)$/],
    ['GOOD=1\nBA"D=never-shown\n', /^failed to parse environment file: \.env \(unexpected character '"' in variable name\)$/],
  ])('a broken .env is named, its values are not: %j', (text, expected) => {
    const [problem] = problemsOf('', { files: { '.env': text } })
    expect(problem).toMatch(expected)
    expect(problem).not.toContain('never-shown')
  })
  test('what auth would need is not asked when auth is off', () => {
    expect(
      problemsOf('[auth]\nenabled = false\nsite_url = ""\n[auth.external.github]\nenabled = true\n[auth.hook.send_sms]\nenabled = true\n'),
    ).toEqual([])
  })
})

describe('what follows from the values', () => {
  test('a bad id is mended with a word', () => {
    const { config, warnings } = load('project_id = "_my app!"\n')
    expect([config.project_id, warnings]).toEqual(['my_app_', ['WARN: project_id field in config is invalid. Auto-fixing to my_app_']])
  })
  test('phone sign-up without anybody to send the codes is off', () => {
    const { config, warnings } = load('[auth.sms]\nenabled = true\n[auth.sms.test_otp]\n4152127777 = "123456"\n')
    expect([config.auth.sms.enabled, warnings]).toEqual([false, ['WARN: no SMS provider is enabled. Disabling phone login']])
    expect(config.auth.sms.test_otp).toEqual({ '4152127777': '123456' })
  })
  test('providers that were replaced are left out', () => {
    const { config, warnings } = load('[auth.external.slack]\nenabled = true\nclient_id = "a"\nsecret = "b"\n')
    expect(Object.keys(config.auth.external)).toEqual(['apple'])
    expect(warnings).toEqual(['WARN: disabling deprecated "slack" provider. Please use [auth.external.slack_oidc] instead'])
  })
  test('an encrypted secret is opened, or named when its key is missing', () => {
    const value =
      'encrypted:BIUQon/K2P5m+cjsZ8vL2XrkFpwBam8G3ICXSGD8JYpbRNByg4pmQcg28QyV9FufEkpseWW5/XWM8XkzOBEQU/6SoyrbKIz0OYi4vSvCcmJMHxFYfXFxTyHwOj3jZ8Nc3Oio8rUikfkgSVDHtgKGzg=='
    const config = `[db.vault]\ntoken = "${value}"\n`
    expect(load(config, { env: { DOTENV_PRIVATE_KEY_CI: `${'b2'.repeat(32)},${'a1'.repeat(32)}` } }).config.db.vault).toEqual({
      token: 's3cret-vàlue 0',
    })
    expect(problemsOf(config)).toEqual(['failed to decrypt db.vault.token: the variable DOTENV_PRIVATE_KEY is not set'])
    expect(problemsOf(config, { env: { DOTENV_PRIVATE_KEY: 'b2'.repeat(32) } })).toEqual([
      'failed to decrypt db.vault.token: none of the keys in DOTENV_PRIVATE_KEY fits',
    ])
  })
})
