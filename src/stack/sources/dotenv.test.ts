import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { parseDotenv } from '../../env/dotenv.ts'
import { EnvError } from '../../env/read.ts'
import { bool, count, secret, text, url } from '../../env/types.ts'
import { dbEnv } from '../../services/db/env.ts'
import { mailEnv } from '../../services/mail/env.ts'
import type { NodeDescription, StackDescription } from '../description.ts'
import { describeSelfHosted } from './dotenv.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'dotenv-source-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

// Small schemas in the place of the services' own: what is tested is what they are given.
const schemas = new Map<string, z.ZodObject>([
  ['db', dbEnv],
  ['mail', mailEnv],
  ['gateway', z.object({ KONG_DECLARATIVE_CONFIG: text })],
  [
    'rest',
    z.object({
      PGRST_DB_URI: secret.refine((uri) => !uri.endsWith('/forbidden'), { error: () => 'another database' }),
      PGRST_DB_POOL: count.default(10),
      PGRST_JWT_SECRET: secret,
    }),
  ],
  ['auth', z.object({ GOTRUE_SITE_URL: url, GOTRUE_DISABLE_SIGNUP: bool, GOTRUE_RATE_LIMIT_VERIFY: count.default(30) })],
])
const describeStack = (more: Partial<Parameters<typeof describeSelfHosted>[0]> = {}) =>
  describeSelfHosted({ workDir: dir, env: {}, exclude: [], schemas, migrations: [], report: () => {}, ...more })
const write = (file: string) => writeFileSync(join(dir, '.env'), file)
const written = () => parseDotenv(readFileSync(join(dir, '.env'), 'utf8'), { file: '.env' }).values
const node = (stack: StackDescription, name: string): NodeDescription => stack.nodes.find((candidate) => candidate.name === name)!
const value = (stack: StackDescription, name: string) => stack.values.find((candidate) => candidate.name === name)?.value
const withPorts = (more = '') => write(`KONG_HTTP_PORT=18000\nKONG_HTTPS_PORT=18443\nPOSTGRES_PORT=15432\n${more}`)

async function problemsOf(file: string, env: Record<string, string> = {}): Promise<string[]> {
  write(file)
  const error = await describeStack({ env }).then(
    () => undefined,
    (caught: unknown) => caught,
  )
  expect(error).toBeInstanceOf(EnvError)
  return (error as EnvError).problems.map(({ name, expected, origin }) => `${name}: ${expected}${origin ? ` (${origin})` : ''}`)
}

describe('with Traefik in the place of Kong', () => {
  const relaxed = new Map([...schemas, ['gateway', z.looseObject({})] as const])
  const gatewayOf = async (more: string) => {
    withPorts(more)
    return node(await describeStack({ schemas: relaxed }), 'gateway').env
  }

  test('the labels of a compose file are the gateway’s configuration, and may name every variable of .env', async () => {
    const env = await gatewayOf('TRAEFIK_PROVIDERS_COMPOSE_FILENAME=docker-compose.yml\nDOMAIN=api.example.org\n')
    expect(env).toMatchObject({ TRAEFIK_PROVIDERS_COMPOSE_FILENAME: join(dir, 'docker-compose.yml'), DOMAIN: 'api.example.org' })
    expect(env).not.toHaveProperty('KONG_DECLARATIVE_CONFIG')
  })

  test('a file of Kong’s that is named beside it stays, and the gateway refuses both', async () => {
    expect(await gatewayOf('TRAEFIK_PROVIDERS_FILE_DIRECTORY=dynamic\nKONG_DECLARATIVE_CONFIG=kong.yml\n')).toMatchObject({
      TRAEFIK_PROVIDERS_FILE_DIRECTORY: join(dir, 'dynamic'),
      KONG_DECLARATIVE_CONFIG: join(dir, 'kong.yml'),
    })
  })

  test('settings of it that name no provider leave Kong’s file in force', async () => {
    const env = await gatewayOf('TRAEFIK_PING=true\nDOMAIN=x\n')
    expect(env).toHaveProperty('KONG_DECLARATIVE_CONFIG')
    expect(env).not.toHaveProperty('DOMAIN')
  })
})

describe('an empty folder', () => {
  test('is a stack of its own name with fresh keys, every service wired to the others', async () => {
    const reports: string[] = []
    const stack = await describeStack({ report: (line) => reports.push(line) })
    const made = written()
    expect(reports.at(-1)).toBe('Made .env with fresh secrets.')
    expect([stack.name, stack.form, stack.workDir, stack.stateDir]).toEqual([basename(dir), 'self-hosted', dir, join(dir, '.plinth')])
    expect(stack.nodes.map(({ name, needs }) => [name, needs])).toEqual([
      ['db', {}],
      ['gateway', {}],
      ['auth', { db: 'healthy' }],
      ['rest', { db: 'healthy' }],
      ['mail', {}],
    ])
    const api = `http://127.0.0.1:${made['KONG_HTTP_PORT']}`
    expect(node(stack, 'rest').env).toMatchObject({
      PGRST_DB_URI: `postgresql://authenticator:${made['POSTGRES_PASSWORD']}@127.0.0.1:${made['POSTGRES_PORT']}/postgres`,
      PGRST_DB_SCHEMAS: 'public,storage,graphql_public',
      PGRST_DB_MAX_ROWS: '1000',
      PGRST_JWT_SECRET: made['JWT_JWKS'],
    })
    expect(node(stack, 'auth').env).toMatchObject({
      API_EXTERNAL_URL: `${api}/auth/v1`,
      GOTRUE_JWT_ISSUER: `${api}/auth/v1`,
      GOTRUE_JWT_KEYS: made['JWT_KEYS'],
      GOTRUE_JWT_SECRET: made['JWT_SECRET'],
      GOTRUE_MAILER_URLPATHS_RECOVERY: `${api}/auth/v1/verify`,
      GOTRUE_SITE_URL: 'http://localhost:3000',
      GOTRUE_SMTP_HOST: '127.0.0.1',
      GOTRUE_MAILER_AUTOCONFIRM: 'false',
      GOTRUE_EXTERNAL_PHONE_ENABLED: 'true',
    })
    expect(node(stack, 'mail').env['MP_SMTP_BIND_ADDR']).toBe(`127.0.0.1:${node(stack, 'auth').env['GOTRUE_SMTP_PORT']}`)
    expect(node(stack, 'gateway').env).toMatchObject({
      SUPABASE_SECRET_KEY: made['SUPABASE_SECRET_KEY'],
      SERVICE_ROLE_KEY_ASYMMETRIC: made['SERVICE_ROLE_KEY_ASYMMETRIC'],
      DASHBOARD_PASSWORD: made['DASHBOARD_PASSWORD'],
      KONG_DECLARATIVE_CONFIG: expect.stringMatching(/services\/gateway\/defaults\/self-hosted\.yml$/),
      KONG_PORT_MAPS: `${made['KONG_HTTP_PORT']}:8000,${made['KONG_HTTPS_PORT']}:8443`,
    })
    expect(node(stack, 'db').env).toMatchObject({
      POSTGRES_PASSWORD: made['POSTGRES_PASSWORD'],
      PLINTH_STATE_DIR: stack.stateDir,
      PLINTH_DB_LISTEN: '127.0.0.1',
    })
    expect(node(stack, 'db').env).not.toHaveProperty('POSTGRES_HOST')
  })
  test('tells what status prints, by the names of the upstream program', async () => {
    const stack = await describeStack()
    const made = written()
    const api = `http://127.0.0.1:${made['KONG_HTTP_PORT']}`
    expect(Object.fromEntries(stack.values.map(({ name, value: told }) => [name, told]))).toEqual({
      API_URL: api,
      REST_URL: `${api}/rest/v1`,
      GRAPHQL_URL: `${api}/graphql/v1`,
      STORAGE_S3_URL: `${api}/storage/v1/s3`,
      DB_URL: `postgresql://postgres:${made['POSTGRES_PASSWORD']}@127.0.0.1:${made['POSTGRES_PORT']}/postgres`,
      MAILPIT_URL: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      INBUCKET_URL: value(stack, 'MAILPIT_URL'),
      PUBLISHABLE_KEY: made['SUPABASE_PUBLISHABLE_KEY'],
      SECRET_KEY: made['SUPABASE_SECRET_KEY'],
      JWT_SECRET: made['JWT_SECRET'],
      ANON_KEY: made['ANON_KEY'],
      SERVICE_ROLE_KEY: made['SERVICE_ROLE_KEY'],
      S3_PROTOCOL_ACCESS_KEY_ID: made['S3_PROTOCOL_ACCESS_KEY_ID'],
      S3_PROTOCOL_ACCESS_KEY_SECRET: made['S3_PROTOCOL_ACCESS_KEY_SECRET'],
      S3_PROTOCOL_REGION: 'stub',
      DASHBOARD_USERNAME: 'supabase',
      DASHBOARD_PASSWORD: made['DASHBOARD_PASSWORD'],
    })
  })
  test('names the services that do not exist yet once, and says so on their routes', async () => {
    const { notices, absent } = await describeStack()
    expect(notices).toEqual([
      'Not in this version of Plinth yet: realtime, imgproxy, storage, meta, functions, studio. Their routes answer 503.',
    ])
    const storage = absent.find(({ names }) => names[0] === 'storage')
    expect(storage?.reason).toBe('The service storage is not running: this version of Plinth does not have it yet.')
    expect(absent.flatMap(({ names }) => names)).toContain('realtime-dev.supabase-realtime')
  })
  test('the second time is the same stack, but for the ports of the mail catcher', async () => {
    const mask = (stack: StackDescription) =>
      JSON.stringify({ nodes: stack.nodes.map(({ name, env }) => (name === 'gateway' ? env : name)), keys: value(stack, 'ANON_KEY') })
    expect(mask(await describeStack())).toBe(mask(await describeStack()))
  })
})

describe('ports and addresses', () => {
  test('are those of .env, each with the setting that moves it', async () => {
    withPorts()
    const { ports } = await describeStack()
    expect(
      ports.map(({ host, port, node: name, endpoint, setting }) => [name, host, endpoint ? `${endpoint}` : '-', port, setting]),
    ).toEqual([
      ['gateway', '127.0.0.1', '8000', 18000, 'KONG_HTTP_PORT in .env'],
      ['gateway', '127.0.0.1', '8443', 18443, 'KONG_HTTPS_PORT in .env'],
      ['db', '127.0.0.1', '-', 15432, 'POSTGRES_PORT in .env'],
      ['mail', '127.0.0.1', '8025', expect.any(Number), 'MP_UI_BIND_ADDR in .env'],
      ['mail', '127.0.0.1', '-', expect.any(Number), 'MP_SMTP_BIND_ADDR in .env'],
    ])
  })
  test('the mail catcher takes the ports that its own variables name', async () => {
    withPorts('MP_SMTP_BIND_ADDR=127.0.0.1:12500\nMP_UI_BIND_ADDR=0.0.0.0:18025\n')
    const stack = await describeStack()
    expect(stack.ports.filter(({ node: name }) => name === 'mail').map(({ port }) => port)).toEqual([18025, 12500])
    expect(node(stack, 'auth').env['GOTRUE_SMTP_PORT']).toBe('12500')
    expect(value(stack, 'MAILPIT_URL')).toBe('http://127.0.0.1:18025')
  })
  test('the mail catcher keeps off ports that other variables ask for', async () => {
    withPorts()
    const port = (stack: StackDescription, name: string) => stack.ports.find(({ setting }) => setting.startsWith(name))!.port
    const kept = port(await describeStack(), 'MP_SMTP_BIND_ADDR')
    withPorts(`POOLER_PROXY_PORT_TRANSACTION=${kept}\n`)
    expect(port(await describeStack(), 'MP_SMTP_BIND_ADDR')).not.toBe(kept)
  })

  test('the newer name of the gateway’s port', async () => {
    write('API_GW_HTTP_PORT=18100\n')
    const stack = await describeStack()
    expect(value(stack, 'API_URL')).toBe('http://127.0.0.1:18100')
    expect(stack.ports[0]).toMatchObject({ port: 18100, setting: 'API_GW_HTTP_PORT in .env' })
  })
  test.each([
    ['0.0.0.0', '0.0.0.0', '127.0.0.1'],
    ['::', '*', '::1'],
    ['192.0.2.7', '192.0.2.7', '192.0.2.7'],
  ])('PLINTH_HOST=%s: gateway and database listen there, mail does not', async (host, listen, reach) => {
    withPorts(`PLINTH_HOST=${host}\n`)
    const stack = await describeStack()
    expect(stack.ports.map((port) => `${port.node} ${port.host}`)).toEqual([
      `gateway ${host}`,
      `gateway ${host}`,
      `db ${host}`,
      'mail 127.0.0.1',
      'mail 127.0.0.1',
    ])
    expect(node(stack, 'db').env['PLINTH_DB_LISTEN']).toBe(listen)
    expect(new URL(node(stack, 'rest').env['PGRST_DB_URI']!).hostname.replace(/[[\]]/g, '')).toBe(reach)
  })
  test('one public URL decides every link and the issuer', async () => {
    withPorts('SUPABASE_PUBLIC_URL=https://api.example.com/\n')
    const stack = await describeStack()
    expect(value(stack, 'REST_URL')).toBe('https://api.example.com/rest/v1')
    expect(node(stack, 'auth').env).toMatchObject({
      API_EXTERNAL_URL: 'https://api.example.com/auth/v1',
      GOTRUE_MAILER_URLPATHS_INVITE: 'https://api.example.com/auth/v1/verify',
    })
    expect(node(stack, 'gateway').env['JWT_ISSUER']).toBe('https://api.example.com/auth/v1')
  })
  test('upstream’s older form of API_EXTERNAL_URL', async () => {
    withPorts(
      'SUPABASE_PUBLIC_URL=http://localhost:18000\nAPI_EXTERNAL_URL=http://localhost:18000\nMAILER_URLPATHS_INVITE="/auth/v1/verify"\n',
    )
    expect(node(await describeStack(), 'auth').env).toMatchObject({
      API_EXTERNAL_URL: 'http://localhost:18000',
      GOTRUE_JWT_ISSUER: 'http://localhost:18000',
      GOTRUE_MAILER_URLPATHS_INVITE: '/auth/v1/verify',
      GOTRUE_MAILER_URLPATHS_RECOVERY: 'http://localhost:18000/auth/v1/verify',
    })
  })
})

describe('keys', () => {
  test('a .env that was there stays HS256, and opaque keys stand for the HS256 ones', async () => {
    withPorts()
    const stack = await describeStack()
    const made = written()
    expect(node(stack, 'auth').env).not.toHaveProperty('GOTRUE_JWT_KEYS')
    expect(node(stack, 'rest').env['PGRST_JWT_SECRET']).toBe(made['JWT_SECRET'])
    expect(node(stack, 'gateway').env['ANON_KEY_ASYMMETRIC']).toBe(made['ANON_KEY'])
  })
  test('empty lists of keys, as upstream’s compose file defaults to, are none', async () => {
    withPorts(`JWT_KEYS=[]\nJWT_JWKS={"keys":[]}\n`)
    const stack = await describeStack()
    expect(node(stack, 'auth').env).not.toHaveProperty('GOTRUE_JWT_KEYS')
    expect(node(stack, 'rest').env['PGRST_JWT_SECRET']).toBe(written()['JWT_SECRET'])
  })
  test('keys of another secret are told', async () => {
    withPorts()
    await describeStack()
    const { ANON_KEY } = written()
    write(`KONG_HTTP_PORT=18000\nANON_KEY=${ANON_KEY}\n`)
    expect((await describeStack()).notices[0]).toMatch(/^WARN: ANON_KEY is not signed with JWT_SECRET: no service accepts it\./)
  })
  test.each(['JWT_SECRET=short\n', 'PLINTH_HOST=0.0.0.0\nJWT_SECRET=your-super-secret-jwt-token-with-at-least-32-characters-long\n'])(
    'a refused file stays as it is, so that no key is made from what is to be corrected: %j',
    async (file) => {
      expect(await problemsOf(file)).toEqual([expect.stringMatching(/^JWT_SECRET: /)])
      expect(readFileSync(join(dir, '.env'), 'utf8')).toBe(file)
    },
  )
  test('demo secrets are told on loopback and refused elsewhere', async () => {
    const demo =
      'JWT_SECRET=your-super-secret-jwt-token-with-at-least-32-characters-long\nDASHBOARD_PASSWORD=this_password_is_insecure_and_should_be_updated\n'
    withPorts(demo)
    expect((await describeStack()).notices).toContain(
      'WARN: these secrets are published demo values, good for this machine only: JWT_SECRET, DASHBOARD_PASSWORD.',
    )
    expect(await problemsOf(`${demo}PLINTH_HOST=0.0.0.0\n`)).toEqual(
      ['JWT_SECRET', 'DASHBOARD_PASSWORD'].map(
        (name, index) =>
          `${name}: expected a value of your own: this one is published, and PLINTH_HOST=0.0.0.0 opens the stack to others (.env, line ${index + 1})`,
      ),
    )
  })
  test('demo secrets from a file are refused too', async () => {
    writeFileSync(join(dir, 'secret'), 'your-super-secret-and-long-postgres-password\n')
    expect(await problemsOf(`POSTGRES_PASSWORD_FILE=${join(dir, 'secret')}\nPLINTH_HOST=0.0.0.0\n`)).toHaveLength(1)
  })
  test('a password of odd characters reaches every URL whole', async () => {
    withPorts(`POSTGRES_PASSWORD='p@ss:w/rd#%&"$'\n`)
    const stack = await describeStack()
    for (const text of [value(stack, 'DB_URL'), node(stack, 'rest').env['PGRST_DB_URI'], node(stack, 'auth').env['GOTRUE_DB_DATABASE_URL']])
      expect(decodeURIComponent(new URL(String(text)).password)).toBe('p@ss:w/rd#%&"$')
    expect(node(stack, 'db').env['POSTGRES_PASSWORD']).toBe('p@ss:w/rd#%&"$')
  })
})

describe('which services', () => {
  const namesOf = ({ nodes }: StackDescription) => nodes.map(({ name }) => name).join(' ')
  test.each<[string, string[], string]>([
    ['', [], 'db gateway auth rest mail'],
    ['PLINTH_PROFILE=minimal', [], 'db gateway auth rest mail'],
    ['PLINTH_SERVICES=rest, gateway', [], 'db gateway rest'],
    ['PLINTH_SERVICES=kong,gotrue\nPLINTH_PROFILE=full', [], 'db gateway auth'],
    ['', ['gotrue', 'mailpit', 'nonsense'], 'db gateway rest'],
    ['SMTP_HOST=smtp.example.com', [], 'db gateway auth rest'],
    ['SMTP_HOST=supabase-mail', [], 'db gateway auth rest mail'],
    ['POSTGRES_HOST=db', [], 'db gateway auth rest mail'],
  ])('%j without %j: %s', async (file, exclude, expected) => {
    withPorts(`${file}\n`)
    expect(namesOf(await describeStack({ exclude }))).toBe(expected)
  })
  test.each<[string, string[], string, RegExp]>([
    ['PLINTH_SERVICES=gateway', [], 'rest', /^The service rest is not running: add rest to PLINTH_SERVICES in \.env/],
    ['', ['postgrest'], 'rest', /it was left out by --exclude\.$/],
    ['SMTP_HOST=smtp.example.com', [], 'mail', /mails go to the SMTP_HOST of \.env/],
    ['PLINTH_PROFILE=minimal', [], 'pooler', /this version of Plinth does not have it yet\.$/],
  ])('%j without %j: why %s is absent', async (file, exclude, name, reason) => {
    withPorts(`${file}\n`)
    const { absent } = await describeStack({ exclude })
    expect(absent.find(({ names }) => names[0] === name)?.reason).toMatch(reason)
  })
  test('a service of a larger profile says which', async () => {
    withPorts('PLINTH_PROFILE=minimal\n')
    const { absent } = await describeStack({ schemas: new Map([...schemas, ['studio', z.object({})]]) })
    expect(absent.find(({ names }) => names[0] === 'studio')?.reason).toBe(
      'The service studio is not running: set PLINTH_PROFILE=standard in .env and start again (it is minimal).',
    )
  })
  test('without the catcher and without SMTP_HOST no mail server is named', async () => {
    withPorts('PLINTH_SERVICES=auth\n')
    expect(node(await describeStack(), 'auth').env).not.toHaveProperty('GOTRUE_SMTP_HOST')
  })
  test('an own mail server', async () => {
    withPorts(`SMTP_HOST=smtp.example.com\nSMTP_USER=me\nSMTP_PASS='a b'\nSMTP_ADMIN_EMAIL=me@example.com\n`)
    expect(node(await describeStack(), 'auth').env).toMatchObject({
      GOTRUE_SMTP_HOST: 'smtp.example.com',
      GOTRUE_SMTP_PORT: '587',
      GOTRUE_SMTP_USER: 'me',
      GOTRUE_SMTP_PASS: 'a b',
      GOTRUE_SMTP_ADMIN_EMAIL: 'me@example.com',
    })
  })
  test('a database elsewhere has no port here', async () => {
    withPorts('POSTGRES_HOST=db.example.com\nPOSTGRES_USER=master\nPGSSLMODE=require\n')
    const stack = await describeStack()
    expect(stack.ports.map((port) => port.node)).not.toContain('db')
    expect(node(stack, 'db').env).toMatchObject({ POSTGRES_HOST: 'db.example.com', POSTGRES_USER: 'master', PGSSLMODE: 'require' })
    expect(node(stack, 'rest').env['PGRST_DB_URI']).toMatch(/@db\.example\.com:15432\/postgres\?sslmode=require/)
  })
  test('a process of its own, and one elsewhere, also for a service that this version does not have', async () => {
    withPorts('PLINTH_PROCESSES=rest\nPLINTH_STORAGE_URL=http://10.0.0.5:5000\nPLINTH_MAIL_URL=http://10.0.0.6:8025\n')
    const stack = await describeStack({ env: { REST_URL: 'http://127.0.0.1:54321/rest/v1' } })
    expect(Object.fromEntries(stack.nodes.map(({ name, place }) => [name, place]))).toEqual({
      db: { at: 'here' },
      gateway: { at: 'here' },
      auth: { at: 'here' },
      rest: { at: 'process' },
      mail: { at: 'address', url: 'http://10.0.0.6:8025' },
      storage: { at: 'address', url: 'http://10.0.0.5:5000' },
    })
    expect(stack.ports.map((port) => port.node)).not.toContain('mail')
    expect(node(stack, 'auth').env).not.toHaveProperty('GOTRUE_SMTP_HOST')
  })
  test('imgproxy sees the folder that storage keeps its files in, and nothing else', async () => {
    const both = new Map([...schemas, ['storage', z.looseObject({})] as const, ['imgproxy', z.looseObject({})] as const])
    const foldersOf = async (more: string) => {
      withPorts(`PLINTH_DATA_DIR=data\n${more}`)
      const stack = await describeStack({ schemas: both })
      const { STORAGE_FILE_BACKEND_PATH, FILE_STORAGE_BACKEND_PATH } = node(stack, 'storage').env
      return [STORAGE_FILE_BACKEND_PATH ?? FILE_STORAGE_BACKEND_PATH, node(stack, 'imgproxy').env['IMGPROXY_LOCAL_FILESYSTEM_ROOT']]
    }
    expect(await foldersOf('')).toEqual([join(dir, 'data/storage'), join(dir, 'data/storage')])
    expect(await foldersOf('FILE_STORAGE_BACKEND_PATH=/srv/objects\n')).toEqual(['/srv/objects', '/srv/objects'])
    expect(await foldersOf('STORAGE_FILE_BACKEND_PATH=objects\n')).toEqual([join(dir, 'objects'), join(dir, 'objects')])
  })
  test('PLINTH_DATA_DIR, relative to the folder', async () => {
    withPorts('PLINTH_DATA_DIR=data\n')
    expect(node(await describeStack(), 'db').env['PGDATA']).toBe(join(dir, 'data', 'db'))
  })
})

test('the .env that upstream’s compose file ships is taken as it is', async () => {
  const shipped = `############
# Secrets
############
POSTGRES_PASSWORD=your-super-secret-and-long-postgres-password
JWT_SECRET=your-super-secret-jwt-token-with-at-least-32-characters-long
SUPABASE_PUBLISHABLE_KEY=
SUPABASE_SECRET_KEY=
JWT_KEYS=
JWT_JWKS=
DASHBOARD_USERNAME=supabase
DASHBOARD_PASSWORD=this_password_is_insecure_and_should_be_updated
SECRET_KEY_BASE=UpNVntn3cDxHJpq99YMc1T1AQgQpc8kfYTuRgBiYa15BLrx8etQoXz3gZv1/u2oq
VAULT_ENC_KEY=your-encryption-key-32-chars-min
PG_META_CRYPTO_KEY=your-encryption-key-32-chars-min
POSTGRES_HOST=db
POSTGRES_DB=postgres
POSTGRES_PORT=5432
POOLER_PROXY_PORT_TRANSACTION=6543
POOLER_DB_POOL_SIZE=5
KONG_HTTP_PORT=8000
KONG_HTTPS_PORT=8443
PGRST_DB_SCHEMAS=public,storage,graphql_public
SITE_URL=http://localhost:3000
ADDITIONAL_REDIRECT_URLS=
JWT_EXPIRY=3600
DISABLE_SIGNUP=false
API_EXTERNAL_URL=http://localhost:8000
MAILER_URLPATHS_CONFIRMATION="/auth/v1/verify"
ENABLE_EMAIL_SIGNUP=true
SMTP_ADMIN_EMAIL=admin@example.com
SMTP_HOST=supabase-mail
SMTP_PORT=2500
SMTP_USER=fake_mail_user
STUDIO_DEFAULT_ORGANIZATION=Default Organization
SUPABASE_PUBLIC_URL=http://localhost:8000
IMGPROXY_ENABLE_WEBP_DETECTION=true
OPENAI_API_KEY=
FUNCTIONS_VERIFY_JWT=false
DOCKER_SOCKET_LOCATION=/var/run/docker.sock
GOOGLE_PROJECT_ID=GOOGLE_PROJECT_ID
`
  write(shipped)
  const stack = await describeStack()
  expect(stack.notices[0]).toMatch(
    /^WARN: these secrets are published demo values, .*: POSTGRES_PASSWORD, JWT_SECRET, DASHBOARD_PASSWORD, /,
  )
  expect(node(stack, 'auth').env).toMatchObject({ GOTRUE_SMTP_HOST: '127.0.0.1', GOTRUE_MAILER_URLPATHS_CONFIRMATION: '/auth/v1/verify' })
  expect(node(stack, 'auth').env).not.toHaveProperty('GOTRUE_JWT_KEYS')
  expect(value(stack, 'API_URL')).toBe('http://localhost:8000')
})

describe('own variables of a service', () => {
  test('win over what is derived; the environment wins over the file', async () => {
    withPorts('GOTRUE_SITE_URL=http://own\nPGRST_DB_POOL=20\nSITE_URL=http://other\nKONG_DECLARATIVE_CONFIG=kong.yml\n')
    const stack = await describeStack({ env: { PGRST_DB_POOL: '30', GOTRUE_RATE_LIMIT_VERIFY: '5', PORT: '1', DATABASE_URL: 'x' } })
    expect(node(stack, 'auth').env).toMatchObject({ GOTRUE_SITE_URL: 'http://own', GOTRUE_RATE_LIMIT_VERIFY: '5' })
    expect(node(stack, 'rest').env['PGRST_DB_POOL']).toBe('30')
    expect(node(stack, 'gateway').env['KONG_DECLARATIVE_CONFIG']).toBe(join(dir, 'kong.yml'))
    for (const { env } of stack.nodes) expect(Object.keys(env)).not.toEqual(expect.arrayContaining(['PORT']))
  })
  test('a declarative file given as text takes the place of the path', async () => {
    withPorts('KONG_DECLARATIVE_CONFIG_STRING=\'_format_version: "2.1"\'\n')
    await expect(describeStack()).rejects.toThrow(/KONG_DECLARATIVE_CONFIG: required/)
    schemas.set('gateway', z.object({ KONG_DECLARATIVE_CONFIG_STRING: text }))
    try {
      expect(node(await describeStack(), 'gateway').env).not.toHaveProperty('KONG_DECLARATIVE_CONFIG')
    } finally {
      schemas.set('gateway', z.object({ KONG_DECLARATIVE_CONFIG: text }))
    }
  })
  test('upstream’s spellings of a boolean arrive as one', async () => {
    withPorts('DISABLE_SIGNUP=yes\nENABLE_EMAIL_SIGNUP="1"\nENABLE_PHONE_SIGNUP=False\n')
    expect(node(await describeStack(), 'auth').env).toMatchObject({
      GOTRUE_DISABLE_SIGNUP: 'true',
      GOTRUE_EXTERNAL_EMAIL_ENABLED: 'true',
      GOTRUE_EXTERNAL_PHONE_ENABLED: 'false',
    })
  })
})

describe('one error for everything', () => {
  test('names each variable, what was expected and where it was read, and shows no value', async () => {
    const file =
      'KONG_HTTP_PORT=s3cr3t\nJWT_SECRET=s3cr3t\nPLINTH_PROFILE=s3cr3t\nDISABLE_SIGNUP=s3cr3t\nPLINTH_SERVICES=rest,foo\nSUPABASE_PUBLIC_URL=s3cr3t\nJWT_KEYS=s3cr3t\n'
    const problems = await problemsOf(file, { PGRST_DB_POOL: 's3cr3t', MP_MAX_AGE: 's3cr3t', VAULT_ENC_KEY: 's3cr3t' })
    expect(problems).toEqual([
      'PLINTH_PROFILE: expected one of minimal, standard, full (.env, line 3)',
      'JWT_SECRET: expected at least 32 characters (.env, line 2)',
      'JWT_KEYS: expected a JSON array of private JWKs (.env, line 7)',
      'VAULT_ENC_KEY: expected exactly 32 characters (the environment)',
      'KONG_HTTP_PORT: expected a whole number (.env, line 1)',
      'SUPABASE_PUBLIC_URL: expected a URL that begins with http:// or https:// (.env, line 6)',
      'DISABLE_SIGNUP: expected true or false (.env, line 4)',
      expect.stringMatching(/^PLINTH_SERVICES: expected names among db, gateway, .*, not foo \(\.env, line 5\)$/),
      'MP_MAX_AGE: expected an age in hours or days such as 12h or 3d (the environment)',
      'PGRST_DB_POOL: expected a whole number (the environment)',
    ])
    expect(problems.join()).not.toContain('s3cr3t')
  })
  test('the services’ own variables alone', async () => {
    expect(await problemsOf('PGRST_DB_POOL=x\nGOTRUE_RATE_LIMIT_VERIFY=y\n')).toEqual([
      'GOTRUE_RATE_LIMIT_VERIFY: expected a whole number (.env, line 2)',
      'PGRST_DB_POOL: expected a whole number (.env, line 1)',
    ])
  })
  test('a variable and its file at once', async () => {
    const [problem] = await problemsOf('POSTGRES_PASSWORD=x\nPOSTGRES_PASSWORD_FILE=/run/x\n')
    expect(problem).toBe('POSTGRES_PASSWORD: set either POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE, not both (.env, line 1)')
  })
  test('a derived variable that is wrong says that it was derived', async () => {
    expect(await problemsOf('POSTGRES_DB=forbidden\n')).toEqual(['PGRST_DB_URI: expected another database (derived from .env)'])
  })
})

describe('notices', () => {
  test.each<[string, RegExp]>([
    ['SITE_URL=http://x$NOWHERE', /^WARN: \.env refers to NOWHERE, which is not set/],
    ['PLINTH_PROFIL=full', /^WARN: PLINTH_PROFIL in \.env is not a setting that Plinth knows\.$/],
    [
      'SUPABASE_PUBLIC_URL=http://localhost:8000',
      /^WARN: SUPABASE_PUBLIC_URL names port 8000 of this machine, but the gateway listens on 18000/,
    ],
  ])('%s: %s', async (file, notice) => {
    withPorts(`${file}\n`)
    expect((await describeStack()).notices[0]).toMatch(notice)
  })
  test('none for what is right', async () => {
    withPorts(
      'PLINTH_LOG_LEVEL=debug\nPLINTH_DB_SETTINGS={}\nSUPABASE_PUBLIC_URL=https://localhost:18443\nPLINTH_SERVICES=rest\nPOSTGRES_PASSWORD_FILE=\n',
    )
    expect((await describeStack()).notices).toEqual([])
  })
})
