import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { readEnv } from '../../env/read.ts'
import { configOf } from './config.ts'
import { ConfigFileError, environmentWithFile, readConfigFile } from './config-file.ts'
import { configText } from './dump-config.ts'
import { type RestEnv, restEnv } from './env.ts'

const folder = mkdtempSync(join(tmpdir(), 'plinth-rest-conf-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (text: string, name = 'test.conf'): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const dump = (text: string, environment: Record<string, string> = {}, inDatabase?: ReadonlyMap<string, string>): string => {
  const env = readEnv(restEnv, environmentWithFile(file(text), environment)) as unknown as RestEnv
  return configText(configOf(env, inDatabase), env, env.PGRST_DB_URI)
}
const settingsOf = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .trimEnd()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf(' = ')), line.slice(line.indexOf(' = ') + 3)]),
  )

test('values, comments, escapes, groups, imports and what they refer to', () => {
  file('b = "from b"', 'other.conf')
  const path = file(
    'a = "q\\"\\\\ \\u00e4\\n" # comment\n# another\nn=13\nf = 1.5\nyes = on\nlist = [1, "x",]\nimport "other.conf"\ngroup { key = "v" deep { x = off } }\nref = "$(a)|$(HOME_OF_TEST)|$$|$1|5$"\n',
  )
  expect(() => readConfigFile(path, {})).toThrow(ConfigFileError)
  const good = file(
    'a = "q\\"\\\\ \\u00e4\\n" # comment\n# another\nn=13\nf = 1.5\nyes = on\nlist = [1, "x"]\nimport "other.conf"\ngroup { key = "v" deep { x = off } }\nref = "$(b)|$(HOME_OF_TEST)|$$|$1|5$"\n',
  )
  expect(Object.fromEntries(readConfigFile(good, { HOME_OF_TEST: 'h' }))).toEqual({
    a: 'q"\\ ä\n',
    n: 13,
    f: 1.5,
    yes: true,
    list: [1, 'x'],
    b: 'from b',
    'group.key': 'v',
    'group.deep.x': false,
    ref: 'from b|h|$|$1|5$',
  })
})

test.each([
  ['db-pool 10', 'line 1: expected ='],
  ['\n\ndb-pool = ', 'line 3: expected a text in double quotes, a number, true or false'],
  ['db-uri = "x', 'line 1: expected a closing quote'],
  ['g {\n a = 1', 'line 2: expected a closing brace'],
  ['a = "$(NOT_SET_ANYWHERE)"', 'a value for $(NOT_SET_ANYWHERE)'],
  ['import "test.conf"', 'imported by itself'],
  ['key: value', 'line 1: expected ='],
])('%j is refused with its line', (text, words) => {
  expect(() => readConfigFile(file(text), {})).toThrow(words)
})

test('a file that is not there is named', () => {
  expect(() => readConfigFile(join(folder, 'none.conf'), {})).toThrow(/none\.conf: cannot be read \(ENOENT\)/)
})

test('the environment wins over the file, the database over both', () => {
  const text = 'db-schemas = "file"\ndb-max-rows = 5\njwt-aud = "file"\napp.settings.x = "file"\napp.settings.y = "file"\n'
  const environment = { PGRST_DB_SCHEMAS: 'env', PGRST_JWT_AUD: 'env', PGRST_APP_SETTINGS_x: 'env', PGRST_APP_SETTINGS_X: 'other' }
  const database = new Map([
    ['jwt_aud', 'database'],
    ['db_pre_request', ''],
  ])
  expect(settingsOf(dump(`${text}db-pre-request = "file"\n`, environment, database))).toMatchObject({
    'db-schemas': '"env"',
    'db-max-rows': '5',
    'jwt-aud': '"database"',
    'db-pre-request': '""',
    'app.settings.x': '"env"',
    'app.settings.X': '"other"',
    'app.settings.y': '"file"',
  })
})

test('the older names of settings are taken', () => {
  const text =
    'db-schema = "one"\ndb-pool-timeout = 5\nmax-rows = 1000\npre-request = "check"\nrole-claim-key = ".aliased"\nroot-spec = "open"\nsecret-is-base64 = true\n'
  expect(settingsOf(dump(text))).toMatchObject({
    'db-schemas': '"one"',
    'db-pool-max-idletime': '5',
    'db-max-rows': '1000',
    'db-pre-request': '"check"',
    'db-root-spec': '"open"',
    'jwt-role-claim-key': String.raw`".\"aliased\""`,
    'jwt-secret-is-base64': 'true',
  })
})

test.each([
  ['db-channel-enabled = "FALSE"', 'db-channel-enabled', 'false'],
  ['db-channel-enabled = "0"', 'db-channel-enabled', 'false'],
  ['db-channel-enabled = 13', 'db-channel-enabled', 'true'],
  ['db-channel-enabled = false', 'db-channel-enabled', 'false'],
  ['db-max-rows = true', 'db-max-rows', '""'],
  ['db-max-rows = "7"', 'db-max-rows', '7'],
  ['app.settings.test = false', 'app.settings.test', '"Bool False"'],
  ['db-extra-search-path = ""', 'db-extra-search-path', '""'],
  ['log-level = ""', 'log-level', '"error"'],
  ['jwt-role-claim-key = "$$.a[?search(@, \\"^x\\")]"', 'jwt-role-claim-key', `"$$.a[?search(@, '^x')]"`],
  ['server-port = 80', 'server-port', '80'],
  ['server-unix-socket-mode = "777"', 'server-unix-socket-mode', '"777"'],
])('%s', (text, name, value) => {
  expect(settingsOf(dump(text))[name]).toBe(value)
})

test('what is dumped is read back as the same', () => {
  const word = fc
    .string({ unit: fc.constantFrom('a', '"', '\\', '$', '(', ')', ' ', 'ä', '#', '{'), maxLength: 12 })
    .filter((text) => text.trim() !== '')
  fc.assert(
    fc.property(word, word, fc.nat(10_000), (role, setting, rows) => {
      const first = dump('', { PGRST_DB_ANON_ROLE: role, PGRST_APP_SETTINGS_x: setting, PGRST_DB_MAX_ROWS: String(rows) })
      expect(dump(first)).toBe(first)
    }),
  )
})

test('every wrong variable is named at once', () => {
  const wrong = {
    PGRST_DB_SCHEMAS: 'public, pg_catalog',
    PGRST_LOG_LEVEL: 'never',
    PGRST_DB_TX_END: 'random',
    PGRST_OPENAPI_MODE: 'follow-',
    PGRST_CLIENT_ERROR_VERBOSITY: 'invalid',
    PGRST_JWT_ROLE_CLAIM_KEY: '.role##',
    PGRST_JWT_AUD: 'foo://%%$$^^.com',
    PGRST_OPENAPI_SERVER_PROXY_URI: 'htp:/@@localhorst.invalid',
    PGRST_SERVER_UNIX_SOCKET_MODE: '599',
    PGRST_ADMIN_SERVER_UNIX_SOCKET_MODE: '800',
    PGRST_SERVER_PORT: '3000',
    PGRST_ADMIN_SERVER_PORT: '3000',
    PGRST_DB_POOL: 'many',
  }
  const named = () => {
    try {
      readEnv(restEnv, wrong)
      return []
    } catch (error) {
      return (error as { problems: { name: string }[] }).problems.map(({ name }) => name).sort()
    }
  }
  expect(named()).toEqual(
    Object.keys(wrong)
      .filter((name) => name !== 'PGRST_SERVER_PORT')
      .sort(),
  )
})

const jwk = JSON.stringify({ kty: 'oct', k: Buffer.alloc(32, 1).toString('base64url') })
test.each([
  ['x'.repeat(31), undefined, 'at least 32 characters'],
  ['x'.repeat(32), undefined, undefined],
  [Buffer.alloc(31, 1).toString('base64'), 'true', 'at least 32 characters'],
  [Buffer.alloc(32, 251).toString('base64'), 'true', undefined],
  [Buffer.alloc(32, 251).toString('base64url'), 'true', undefined],
  [Buffer.alloc(32, 251).toString('base64').replace('=', '.'), 'true', undefined],
  ['no base-64!', 'true', 'not base64'],
  [jwk, undefined, undefined],
  [Buffer.from(jwk).toString('base64'), 'true', undefined],
  ['null', undefined, 'at least 32 characters'],
  ['{}', undefined, 'no key for signatures'],
  ['@/nowhere/at/all', undefined, 'a readable file'],
])('the secret %j (base64: %s)', (secret, base64, refused) => {
  const env = readEnv(restEnv, { PGRST_JWT_SECRET: secret, ...(base64 && { PGRST_JWT_SECRET_IS_BASE64: base64 }) }) as unknown as RestEnv
  if (refused === undefined) expect(configOf(env).jwtSecret).toBe(secret)
  else expect(() => configOf(env)).toThrow(refused)
})

test.each([
  ['db_schemas', 'information_schema'],
  ['jwt_role_claim_key', 'test'],
  ['jwt_secret', 'short'],
  ['openapi_mode', 'none'],
  ['db_tx_end', 'never'],
])('%s = %s in the database is refused by its name there', (name, value) => {
  const env = readEnv(restEnv, {}) as unknown as RestEnv
  expect(() => configOf(env, new Map([[name, value]]))).toThrow(`pgrst.${name}`)
})
