import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { keySetFrom, signingKeysOf } from '../jwt/keys.ts'
import { JwtVerifier } from '../jwt/verifier.ts'
import { DotenvError, parseDotenv } from './dotenv.ts'
import { type CompleteOptions, completeEnvFile, readEnvFile, updateEnvFile } from './env-file.ts'
import { jwtKeysOf, makeSigningKey } from './keys.ts'
import { withFileLock } from './private-file.ts'

let dir: string
let path: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'env-file-'))
  path = join(dir, '.env')
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const SECRET = 'a-secret-of-at-least-thirty-two-characters'
const text = () => readFileSync(path, 'utf8')
const inFile = () => ({ ...parseDotenv(text(), { file: '.env' }).values })
async function complete(more: Partial<CompleteOptions> = {}) {
  const reports: string[] = []
  const options = { path, env: {}, isFree: async () => true, report: (line: string) => void reports.push(line), ...more }
  const { values } = await completeEnvFile(options)
  return { values, reports }
}

const MADE = [
  'POSTGRES_PASSWORD',
  'JWT_SECRET',
  'DASHBOARD_USERNAME',
  'DASHBOARD_PASSWORD',
  'SECRET_KEY_BASE',
  'VAULT_ENC_KEY',
  'PG_META_CRYPTO_KEY',
  'REALTIME_DB_ENC_KEY',
  'LOGFLARE_PUBLIC_ACCESS_TOKEN',
  'LOGFLARE_PRIVATE_ACCESS_TOKEN',
  'S3_PROTOCOL_ACCESS_KEY_ID',
  'S3_PROTOCOL_ACCESS_KEY_SECRET',
  'MINIO_ROOT_PASSWORD',
  'ANON_KEY',
  'SERVICE_ROLE_KEY',
  'SUPABASE_PUBLISHABLE_KEY',
  'SUPABASE_SECRET_KEY',
]
const KEY_PAIR = ['JWT_KEYS', 'JWT_JWKS', 'ANON_KEY_ASYMMETRIC', 'SERVICE_ROLE_KEY_ASYMMETRIC']
const PORTS = { KONG_HTTP_PORT: '8000', KONG_HTTPS_PORT: '8443', POSTGRES_PORT: '5432', POOLER_PROXY_PORT_TRANSACTION: '6543' }

describe('a folder without a .env', () => {
  test('gets one with every secret, a key pair and the ports, for its owner alone', async () => {
    const { values, reports } = await complete()
    expect(Object.keys(values)).toEqual([...MADE, ...KEY_PAIR, ...Object.keys(PORTS)])
    expect(values).toMatchObject(PORTS)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(inFile()).toEqual({ ...values })
    expect(reports).toEqual(['Made .env with fresh secrets.'])
    expect(readdirSync(dir)).toEqual(['.env'])
  })
  test('its keys belong together', async () => {
    const { values } = await complete()
    const secret = new JwtVerifier(keySetFrom(values['JWT_SECRET']!))
    const jwks = new JwtVerifier(keySetFrom(values['JWT_JWKS']!))
    for (const [name, role] of [
      ['ANON_KEY', 'anon'],
      ['SERVICE_ROLE_KEY', 'service_role'],
    ] as const) {
      expect(await secret.verify(values[name]!)).toMatchObject({ role, iss: 'supabase' })
      expect(await jwks.verify(values[name]!)).toMatchObject({ role })
      expect(await jwks.verify(values[`${name}_ASYMMETRIC`]!)).toMatchObject({ role, iss: 'supabase' })
    }
    expect(signingKeysOf(keySetFrom(values['JWT_KEYS']!))).toHaveLength(1)
  })
  test('a second run changes nothing and says nothing', async () => {
    await complete()
    const before = text()
    const { reports } = await complete()
    expect([text(), reports]).toEqual([before, []])
  })
  test('what the process environment sets is not made, and a key set by it alone stays HS256', async () => {
    const { values } = await complete({ env: { JWT_SECRET: SECRET, POSTGRES_PASSWORD_FILE: '/run/secrets/pg', KONG_HTTP_PORT: '9000' } })
    for (const name of ['JWT_SECRET', 'POSTGRES_PASSWORD', 'KONG_HTTP_PORT', ...KEY_PAIR]) expect(values).not.toHaveProperty(name)
    expect(await new JwtVerifier(keySetFrom(SECRET)).verify(values['ANON_KEY']!)).toMatchObject({ role: 'anon' })
  })
})

describe('a .env that is there', () => {
  test('keeps its values, comments and order; missing ones are added; it stays HS256', async () => {
    const mine = `# mine\nKONG_HTTP_PORT=9000\nPOSTGRES_PASSWORD='p@ss:w/rd#%&'\nSITE_URL=http://x # why\n`
    writeFileSync(path, mine)
    chmodSync(path, 0o644)
    const { values, reports } = await complete()
    expect(text().startsWith(`${mine}\n# Secrets`)).toBe(true)
    expect(values).toMatchObject({ KONG_HTTP_PORT: '9000', POSTGRES_PASSWORD: 'p@ss:w/rd#%&', SITE_URL: 'http://x' })
    for (const name of MADE) expect(values[name]).toBeTruthy()
    for (const name of KEY_PAIR) expect(values).not.toHaveProperty(name)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(reports).toEqual([
      `Added to .env: ${[...MADE.filter((name) => name !== 'POSTGRES_PASSWORD'), 'KONG_HTTPS_PORT', 'POSTGRES_PORT', 'POOLER_PROXY_PORT_TRANSACTION'].join(', ')}.`,
    ])
  })
  test('an empty secret is filled in where it stands, an empty JWT_KEYS stays empty', async () => {
    writeFileSync(path, 'A=1\nJWT_SECRET=\nSUPABASE_SECRET_KEY= # opt in\nJWT_KEYS=\nJWT_JWKS=\nZ=1\n')
    const { values } = await complete()
    expect(text()).toMatch(/^A=1\nJWT_SECRET=[\w+/]{40}\nSUPABASE_SECRET_KEY=sb_secret_[\w-]{31} # opt in\nJWT_KEYS=\nJWT_JWKS=\nZ=1\n\n# /)
    expect(values).toMatchObject({ JWT_KEYS: '', JWT_JWKS: '' })
  })
  test('keys are signed with the secret that is there, from a file too', async () => {
    writeFileSync(join(dir, 'secret'), `${SECRET}\n`)
    writeFileSync(path, 'JWT_SECRET_FILE=./secret\n')
    const { values } = await complete()
    expect(values).not.toHaveProperty('JWT_SECRET')
    expect(await new JwtVerifier(keySetFrom(SECRET)).verify(values['SERVICE_ROLE_KEY']!)).toMatchObject({ role: 'service_role' })
  })
  test('a secret file that cannot be read makes no keys of another secret', async () => {
    writeFileSync(path, 'JWT_SECRET_FILE=/nowhere/secret\n')
    const { values } = await complete()
    for (const name of ['JWT_SECRET', 'ANON_KEY', 'SERVICE_ROLE_KEY']) expect(values).not.toHaveProperty(name)
  })
  test('with JWT_KEYS gets what belongs to them', async () => {
    const keys = jwtKeysOf(makeSigningKey(), SECRET)
    writeFileSync(path, `JWT_SECRET=${SECRET}\nJWT_KEYS='${keys}'\n`)
    const { values } = await complete()
    expect(values['JWT_KEYS']).toBe(keys)
    expect(await new JwtVerifier(keySetFrom(values['JWT_JWKS']!)).verify(values['ANON_KEY_ASYMMETRIC']!)).toMatchObject({ role: 'anon' })
  })
  test.each(['[]', '{"broken', '[{"kty":"EC"}]', '[{"kty":"oct","k":"c2VjcmV0","alg":"HS256"}]'])(
    'JWT_KEYS=%s makes no asymmetric keys',
    async (keys) => {
      writeFileSync(path, `JWT_SECRET=${SECRET}\nJWT_KEYS='${keys}'\n`)
      const { values } = await complete()
      expect(values).not.toHaveProperty('ANON_KEY_ASYMMETRIC')
      const again = await complete()
      expect(again.reports).toEqual([])
    },
  )
  test('one that cannot be read is an error that shows no value, and is left as it is', async () => {
    writeFileSync(path, 'A=1\nPOSTGRES_PASSWORD="s3cr3t\n')
    await expect(complete()).rejects.toThrow(new DotenvError('.env', 2, 'unterminated quoted value'))
    expect(text()).toBe('A=1\nPOSTGRES_PASSWORD="s3cr3t\n')
  })
  test('a link to a file elsewhere stays a link', async () => {
    mkdirSync(join(dir, 'shared'))
    writeFileSync(join(dir, 'shared', 'env'), 'A=1\n')
    symlinkSync(join('shared', 'env'), path)
    await complete()
    expect(readFileSync(join(dir, 'shared', 'env'), 'utf8')).toMatch(/^A=1\n\n# /)
    expect(existsSync(path)).toBe(true)
  })
  test('where nothing can be written, the error says what to set', async () => {
    path = join(dir, 'no', 'such', 'folder', '.env')
    await expect(complete()).rejects.toThrow(/^Cannot write .*\(ENOENT\).* set POSTGRES_PASSWORD, JWT_SECRET, /)
  })
})

describe('ports', () => {
  const taken = (...ports: number[]) => ({ isFree: async (port: number) => !ports.includes(port) })
  test('a taken default becomes the next free one, is written and told', async () => {
    const { values, reports } = await complete(taken(8_000, 8_001, 5_432))
    expect(values).toMatchObject({ KONG_HTTP_PORT: '8002', KONG_HTTPS_PORT: '8443', POSTGRES_PORT: '5433' })
    expect(reports.slice(0, 2)).toEqual([
      'Port 8000 is taken: KONG_HTTP_PORT is 8002, written to .env.',
      'Port 5432 is taken: POSTGRES_PORT is 5433, written to .env.',
    ])
  })
  test('a setting that is there is kept, taken or not, and not given to another', async () => {
    writeFileSync(path, 'POSTGRES_PORT=8001\nAPI_GW_HTTP_PORT=8000\n')
    const { values } = await complete(taken(8_443, 8_444))
    expect(values).toMatchObject({ POSTGRES_PORT: '8001', API_GW_HTTP_PORT: '8000', KONG_HTTPS_PORT: '8445' })
    expect(values).not.toHaveProperty('KONG_HTTP_PORT')
    rmSync(path)
    writeFileSync(path, 'POSTGRES_PORT=8001\n')
    expect((await complete(taken(8_000))).values).toMatchObject({ KONG_HTTP_PORT: '8002' })
  })
  test('the port of a server elsewhere is not chosen here', async () => {
    writeFileSync(path, 'POSTGRES_HOST=db.example.com\n')
    expect((await complete(taken(5_432))).values).not.toHaveProperty('POSTGRES_PORT')
  })
})

describe('two at once', () => {
  test('agree on the secrets', async () => {
    const [one, two, three] = await Promise.all([complete(), complete(), complete()])
    expect({ ...one.values }).toEqual(inFile())
    expect({ ...two.values }).toEqual(inFile())
    expect({ ...three.values }).toEqual(inFile())
    expect([one, two, three].flatMap(({ reports }) => reports)).toEqual(['Made .env with fresh secrets.'])
  })
  test('the lock of a process that is gone does not hold', async () => {
    writeFileSync(`${path}.lock`, '999999999')
    await complete()
    expect(readdirSync(dir)).toEqual(['.env'])
  })
  test('work under the lock does not overlap, and a failure frees it', async () => {
    const log: string[] = []
    const work = (name: string) => async () => {
      log.push(`${name} in`)
      await new Promise((resolve) => setImmediate(resolve))
      log.push(`${name} out`)
      if (name === 'a') throw new Error('a failed')
    }
    await Promise.allSettled([withFileLock(path, work('a')), withFileLock(path, work('b'))])
    expect(log).toEqual(['a in', 'a out', 'b in', 'b out'])
  })
})

test('updateEnvFile changes values where they stand', async () => {
  writeFileSync(path, '# top\nSUPABASE_SECRET_KEY=old # c\nB=2\n')
  await updateEnvFile(path, [{ title: 'Keys.', values: { SUPABASE_SECRET_KEY: 'new', SUPABASE_PUBLISHABLE_KEY: 'made' } }])
  expect(text()).toBe('# top\nSUPABASE_SECRET_KEY=new # c\nB=2\n\n# Keys.\nSUPABASE_PUBLISHABLE_KEY=made\n')
})

test('readEnvFile says on which line a value stands, and what it refers to in vain', () => {
  writeFileSync(path, 'A=1\nB=$NO\nA=2\n')
  const { values, lines, unset } = readEnvFile(path, {})
  expect([{ ...values }, lines.get('A'), unset]).toEqual([{ A: '2', B: '' }, 3, [{ name: 'NO', line: 2 }]])
})

test.each([`p@ss:w/rd#%&'"$`, 'ä ö 密', 'two\nlines', `\\'"`, '${X}', '$$', ' padded ', '#'])(
  'the value %j survives the file',
  async (value) => {
    await updateEnvFile(path, [{ title: 'T.', values: { POSTGRES_PASSWORD: value } }])
    const { values } = await complete()
    expect(values['POSTGRES_PASSWORD']).toBe(value)
  },
)
