import fc from 'fast-check'
import { expect, test } from 'vitest'
import { codeAt, fromBase32, isTotp, newSecret, otpauthUri, qrSvg, toBase32 } from './totp.ts'

const SECRET = toBase32(Buffer.from('12345678901234567890'))

test.each([
  // RFC 6238, appendix B, cut to six digits
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
  [20_000_000_000, '353130'],
])('the code at second %d is %s', (second, code) => expect(codeAt(SECRET, second * 1000)).toBe(code))

test('isTotp() allows one step of drift either way and no more', () => {
  const now = 1_700_000_010_000
  for (const [step, fits] of [
    [-2, false],
    [-1, true],
    [0, true],
    [1, true],
    [2, false],
  ] as const)
    expect(isTotp(SECRET, codeAt(SECRET, now + step * 30_000), now)).toBe(fits)
  expect(isTotp(SECRET, '', now)).toBe(false)
})

test('base32 reads back what it wrote, and a secret has 160 bits', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect(fromBase32(toBase32(Buffer.from(bytes)))).toEqual(Buffer.from(bytes))
    }),
  )
  expect(newSecret()).toMatch(/^[A-Z2-7]{32}$/)
  expect(newSecret()).not.toBe(newSecret())
})

test('otpauthUri() has the parameters that apps read, and qrSvg() draws it', () => {
  const uri = new URL(otpauthUri('Kit & Co', 'a+b@kit.example', SECRET))
  expect(Object.fromEntries(uri.searchParams)).toEqual({ algorithm: 'SHA1', digits: '6', issuer: 'Kit & Co', period: '30', secret: SECRET })
  expect(decodeURIComponent(uri.pathname)).toMatch(/Kit & Co:a\+b@kit\.example$/)
  expect(qrSvg(uri.href)).toMatch(/^<svg /)
})
