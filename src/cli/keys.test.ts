import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseDotenv } from '../env/dotenv.ts'
import { isOpaqueKey } from '../env/keys.ts'
import { keySetFrom } from '../jwt/keys.ts'
import { JwtVerifier } from '../jwt/verifier.ts'
import { main } from './main.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'keys-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

async function plinthKeys(flags: string[], { env = {}, yes = false }: { env?: Record<string, string>; yes?: boolean } = {}) {
  const printed = { out: '', err: '' }
  const code = await main({
    name: 'plinth',
    version: '1.2.3',
    argv: ['keys', ...flags, '--workdir', dir],
    env,
    cwd: dir,
    signal: new AbortController().signal,
    io: {
      out(text) {
        printed.out += text
      },
      err(text) {
        printed.err += text
      },
      outIsTerminal: false,
      errIsTerminal: false,
      colours: false,
      columns: undefined,
      readInput: async () => '',
      confirm: async (_, fallback) => yes || fallback,
    },
  })
  return { code, ...printed }
}
const inFile = () => ({ ...parseDotenv(readFileSync(join(dir, '.env'), 'utf8'), { file: '.env' }).values })
const changed = (before: Record<string, string>) =>
  Object.entries(inFile())
    .filter(([name, value]) => before[name] !== value)
    .map(([name]) => name)

test('makes what is missing and prints the keys, as data on stdout', async () => {
  const { code, out, err } = await plinthKeys(['-o', 'json'])
  expect(code).toBe(0)
  const made = inFile()
  expect(JSON.parse(out)).toEqual(
    Object.fromEntries(
      [
        'JWT_SECRET',
        'ANON_KEY',
        'SERVICE_ROLE_KEY',
        'SUPABASE_PUBLISHABLE_KEY',
        'SUPABASE_SECRET_KEY',
        'ANON_KEY_ASYMMETRIC',
        'SERVICE_ROLE_KEY_ASYMMETRIC',
        'JWT_KEYS',
        'JWT_JWKS',
      ].map((name) => [name, made[name]]),
    ),
  )
  expect(err).toMatch(/^(Port .*\n)*Made \.env with fresh secrets\.\n$/)
  expect(await plinthKeys(['-o', 'json'])).toEqual({ code: 0, out, err: '' })
  expect((await plinthKeys([])).out).toMatch(/^JWT_SECRET="[\w+/]{40}"\n/)
})

test('--rotate gives new opaque keys and leaves everything else', async () => {
  await plinthKeys([])
  const before = inFile()
  const { code, err } = await plinthKeys(['--rotate'])
  expect([code, err]).toEqual([0, 'Wrote SUPABASE_PUBLISHABLE_KEY, SUPABASE_SECRET_KEY to .env.\n'])
  expect(changed(before)).toEqual(['SUPABASE_PUBLISHABLE_KEY', 'SUPABASE_SECRET_KEY'])
  expect(isOpaqueKey(inFile()['SUPABASE_SECRET_KEY']!)).toBe(true)
})

test('--jwt warns and asks; only then the secret and all that it signed are new', async () => {
  await plinthKeys([])
  const before = inFile()
  const refused = await plinthKeys(['--jwt'])
  expect([refused.code, refused.out, changed(before)]).toEqual([1, '', []])
  expect(refused.err).toMatch(/^Every person who is signed in is signed out/)
  expect((await plinthKeys(['--jwt'], { yes: true })).code).toBe(0)
  const names = ['JWT_SECRET', 'ANON_KEY', 'SERVICE_ROLE_KEY', 'JWT_KEYS', 'JWT_JWKS', 'ANON_KEY_ASYMMETRIC', 'SERVICE_ROLE_KEY_ASYMMETRIC']
  expect(changed(before).sort()).toEqual(names.sort())
  const { JWT_JWKS, ANON_KEY, SERVICE_ROLE_KEY_ASYMMETRIC } = inFile()
  const verifier = new JwtVerifier(keySetFrom(JWT_JWKS!))
  for (const key of [ANON_KEY!, SERVICE_ROLE_KEY_ASYMMETRIC!]) expect(await verifier.verify(key)).toMatchObject({ iss: 'supabase' })
  await expect(verifier.verify(before['ANON_KEY']!)).rejects.toThrow()
})

test('a stack without a key pair stays without, until --key-pair', async () => {
  writeFileSync(join(dir, '.env'), 'A=1\n')
  await plinthKeys([])
  await plinthKeys(['--jwt'], { yes: true })
  expect(inFile()).not.toHaveProperty('JWT_KEYS')
  const before = inFile()
  expect((await plinthKeys(['--key-pair'])).code).toBe(0)
  expect(changed(before)).toEqual(['JWT_KEYS', 'JWT_JWKS', 'ANON_KEY_ASYMMETRIC', 'SERVICE_ROLE_KEY_ASYMMETRIC'])
  expect(await new JwtVerifier(keySetFrom(inFile()['JWT_JWKS']!)).verify(before['ANON_KEY']!)).toMatchObject({ role: 'anon' })
})

test('--rotate-all spares what stored data are encrypted with, and what is no secret', async () => {
  await plinthKeys([])
  const before = inFile()
  expect((await plinthKeys(['--rotate-all'], { yes: true })).code).toBe(0)
  const kept = Object.keys(before).filter((name) => !changed(before).includes(name))
  expect(kept.filter((name) => !name.includes('PORT'))).toEqual([
    'DASHBOARD_USERNAME',
    'VAULT_ENC_KEY',
    'PG_META_CRYPTO_KEY',
    'REALTIME_DB_ENC_KEY',
  ])
})

test('a key that the environment sets is not rotated behind its back', async () => {
  await plinthKeys([])
  const before = inFile()
  const { code, err } = await plinthKeys(['--rotate'], { env: { SUPABASE_SECRET_KEY: 'sb_secret_own' } })
  expect([code, changed(before)]).toEqual([1, []])
  expect(err).toMatch(/^Cannot rotate SUPABASE_SECRET_KEY here/)
})

test('one at a time, and not in a local project', async () => {
  expect((await plinthKeys(['--rotate', '--jwt'])).err).toMatch(/^if any flags in the group/)
  expect(existsSync(join(dir, '.env'))).toBe(false)
  mkdirSync(join(dir, 'supabase'))
  writeFileSync(join(dir, 'supabase', 'config.toml'), '')
  const { code, err } = await plinthKeys([])
  expect([code, existsSync(join(dir, '.env'))]).toEqual([1, false])
  expect(err).toMatch(/^The keys of a local project come from supabase\/config\.toml\./)
})

test('a .env that is wrong is one error', async () => {
  writeFileSync(join(dir, '.env'), 'JWT_SECRET=short\nVAULT_ENC_KEY=short\n')
  const { code, err } = await plinthKeys([])
  expect(code).toBe(1)
  expect(err).toContain('2 variables to mend:')
})
