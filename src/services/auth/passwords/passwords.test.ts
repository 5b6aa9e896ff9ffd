import { expect, test } from 'vitest'
import { readEnv } from '../../../env/read.ts'
import { silentLog } from '../../../log/log.ts'
import { authEnv } from '../env.ts'
import { ValueCipher } from './encryption.ts'
import { isKnownHash, PasswordHasher } from './hash.ts'
import { parseArgon2, parseFirebase } from './imported.ts'
import { checkStrength } from './strength.ts'

const NEEDED = {
  GOTRUE_DB_DATABASE_URL: 'postgresql://x',
  GOTRUE_SITE_URL: 'https://app.example',
  GOTRUE_JWT_SECRET: 'a-secret-of-some-length-for-tests-only',
  API_EXTERNAL_URL: 'https://api.example',
}
const env = (more: Record<string, string> = {}) => readEnv(authEnv, { ...NEEDED, ...more })
const hasher = new PasswordHasher(100)

const IMPORTED = [
  ['$2b$10$zEQzfs2dUjRPA49Vj1PZ/edzEtKRumxut2SmB7cF1OkanZzU3BQHy', 'imported-bcrypt-1'],
  ['$argon2id$v=19$m=64,t=3,p=2$EtxOjY54JD7PlI0OJvF7ww$dvZNoKRnNBoCE5LPYo5g3oO7kY+fzvCY3PGWD1FZ9as', 'imported-argon-1'],
  [
    '$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=LD8wNC4K38CdwJncvuO3GYPwejTcMSTxRFrEW0/nfJ8YHKD8lLi6UYkvwOWXDavHkfQsBBxiPJRgqWNGdHjQsQ==$U3F/1mnLYwMk+w==$aQOXfDMFXjPWifaecjNAPJmuFX6TPamS9m+RwK3rjQc/EgGf1aVcne9XfZVa3r3cDFV8gJTj8e8nMMMspNM9Sw==',
    'imported-firebase-1',
  ],
] as const

test.each(IMPORTED)('%s checks its password', async (hash, password) => {
  expect(isKnownHash(hash)).toBe(true)
  expect(await hasher.matches(hash, password)).toBe(true)
  expect(await hasher.matches(hash, `${password}x`)).toBe(false)
})

test('a new hash is bcrypt of cost ten, takes 72 bytes and no more', async () => {
  const hash = await hasher.hash('x'.repeat(72))
  expect(hash).toMatch(/^\$2a\$10\$.{53}$/)
  expect(await hasher.matches(hash, 'x'.repeat(72))).toBe(true)
  await expect(hasher.hash('é'.repeat(37))).rejects.toMatchObject({ status: 400, code: 'validation_failed' })
  expect(await hasher.matches('', 'anything')).toBe(false)
})

test.each([['md5:abc'], [''], ['$2a$10$short'], ['$argon2d$v=19$m=64,t=3,p=2$EtxO$dvZN'], ['$fbscrypt$v=2,n=14,r=8,p=1$U3F/$aQOX']])(
  '%j is no known hash',
  (hash) => {
    expect(isKnownHash(hash)).toBe(false)
  },
)

test('imported parameters have bounds', () => {
  const argon = (m: string, t: string, p: string) => parseArgon2(`$argon2id$v=19$m=${m},t=${t},p=${p}$EtxOjY54JD7PlI0OJvF7ww$dvZNoKRnNBo`)
  expect(argon('1048576', '20', '16')).toBeDefined()
  expect([argon('1048577', '1', '1'), argon('64', '21', '1'), argon('999999', '1', '17'), argon('1', '1', '1')]).toEqual(
    Array(4).fill(undefined),
  )
  expect(parseFirebase('$fbscrypt$v=1,n=30,r=8,p=1,sk=AAAA$AAAA$AAAA')).toBeUndefined()
})

const sets = 'abcdefghijklmnopqrstuvwxyz:ABCDEFGHIJKLMNOPQRSTUVWXYZ:0123456789:!@#\\:'
test.each([
  ['12345', {}, ['length']],
  ['123456', {}, []],
  ['short', { GOTRUE_PASSWORD_MIN_LENGTH: '10', GOTRUE_PASSWORD_REQUIRED_CHARACTERS: sets }, ['length', 'characters']],
  ['Longenough11', { GOTRUE_PASSWORD_REQUIRED_CHARACTERS: sets }, ['characters']],
  ['Longenough1:', { GOTRUE_PASSWORD_REQUIRED_CHARACTERS: sets }, []],
])('checkStrength(%j) under %j gives %j', async (password, settings, reasons) => {
  const verdict = await checkStrength(env(settings), silentLog, password).then(
    () => [],
    (error: { reasons: string[] }) => error.reasons,
  )
  expect(verdict).toEqual(reasons)
})

test('values are encrypted for their row, read back with older keys, and plain ones stay readable', () => {
  const key = Buffer.alloc(32, 7).toString('base64url')
  const cipher = new ValueCipher(
    env({
      GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPT: 'true',
      GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY_ID: 'k1',
      GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY: key,
    }),
  )
  const stored = cipher.seal('row-1', 'secret')
  expect(JSON.parse(stored)).toMatchObject({ key_id: 'k1', alg: 'aes-gcm-hkdf' })
  expect(stored).not.toContain('secret')
  expect(cipher.open('row-1', stored)).toBe('secret')
  expect(() => cipher.open('row-2', stored)).toThrow()
  expect(new ValueCipher(env({ GOTRUE_SECURITY_DB_ENCRYPTION_DECRYPTION_KEYS: `k1:${key}` })).open('row-1', stored)).toBe('secret')
  const plain = new ValueCipher(env())
  expect(plain.seal('row-1', 'secret')).toBe('secret')
  expect(plain.open('row-1', 'secret')).toBe('secret')
  expect(() => plain.open('row-1', stored)).toThrow('"k1"')
  expect(() => new ValueCipher(env({ GOTRUE_SECURITY_DB_ENCRYPTION_DECRYPTION_KEYS: 'k1:short' }))).toThrow('32 bytes')
})
