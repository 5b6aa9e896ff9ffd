import { createDecipheriv } from 'node:crypto'
import { expect, test } from 'vitest'
import { openEncryption } from './encryption.ts'

const ECB = 'supabaserealtime'
const GCM = '0123456789abcdef0123456789abcdef'
const keys = (ecb?: string, gcm?: string, write = false) =>
  openEncryption({ DB_ENC_KEY: ecb, DB_ENC_KEY_GCM: gcm, DB_ENC_WRITE_GCM: write })

test('by default a value is what AES-128-ECB makes of it, in base64', () => {
  const stored = keys(ECB).encrypt('127.0.0.1')
  const plain = createDecipheriv('aes-128-ecb', ECB, null)
  expect(plain.update(stored, 'base64', 'utf8') + plain.final('utf8')).toBe('127.0.0.1')
  expect(keys(ECB).encrypt('127.0.0.1')).toBe(stored)
})
test('with GCM it is another one each time, and both forms are read', () => {
  const both = keys(ECB, GCM, true)
  const stored = [both.encrypt('geheim ü'), both.encrypt('geheim ü')]
  expect(stored[0]).toMatch(/^g1:/)
  expect(stored[0]).not.toBe(stored[1])
  expect([...stored, keys(ECB).encrypt('geheim ü')].map((value) => both.decrypt(value))).toEqual(['geheim ü', 'geheim ü', 'geheim ü'])
})
test('a value that was changed is not taken, and a missing key is named', () => {
  const both = keys(ECB, GCM, true)
  const stored = both.encrypt('x')
  expect(() => both.decrypt(`${stored.slice(0, -4)}AAA=`)).toThrow()
  expect(() => keys(ECB).decrypt(stored)).toThrow(/DB_ENC_KEY_GCM/)
  expect(() => keys().encrypt('x')).toThrow(/DB_ENC_KEY/)
})
