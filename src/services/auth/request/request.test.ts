import { expect, test } from 'vitest'
import { clientAddress } from './address.ts'
import { acceptEmail, acceptPhone, isUuid } from './addresses.ts'
import { apiVersion } from './api-version.ts'
import { externalUrl } from './external-host.ts'
import { encodeForm, queryEscape, withQuery } from './form.ts'
import { acceptBan } from './go-duration.ts'
import { pageHeaders, readPage, readSort } from './pagination.ts'
import { acceptChallenge, sameText, verifierFits } from './pkce.ts'

test.each([
  [undefined, 'initial'],
  ['2023-12-31', 'initial'],
  ['2024-01-01', '2024-01-01'],
  ['2031-05-06', '2024-01-01'],
  ['2024-13-01', 'initial'],
  ['2024-02-30', 'initial'],
  ['20240101', 'initial'],
])('apiVersion(%j) is %s', (text, version) => expect(apiVersion(text)).toBe(version))

test.each([
  [{ 'x-forwarded-for': '203.0.113.7, 10.0.0.1' }, false, '203.0.113.7'],
  [{ 'x-forwarded-for': 'unknown, 10.0.0.1' }, false, '10.0.0.1'],
  [{ 'x-forwarded-for': '::ffff:203.0.113.7' }, false, '203.0.113.7'],
  [{ 'sb-forwarded-for': '198.51.100.1', 'x-forwarded-for': '10.0.0.1' }, false, '10.0.0.1'],
  [{ 'sb-forwarded-for': '198.51.100.1', 'x-forwarded-for': '10.0.0.1' }, true, '198.51.100.1'],
  [{}, false, '127.0.0.1'],
])('clientAddress() of %j, Sb trusted %s, is %s', (headers, trusted, address) => {
  expect(clientAddress(headers, '::ffff:127.0.0.1', trusted)).toBe(address)
})

test.each([
  ['Mixed@Kit.Example', 'mixed@kit.example'],
  ["o'brien+tag@sub.kit.example", "o'brien+tag@sub.kit.example"],
])('acceptEmail(%j) stores %j', (given, stored) => expect(acceptEmail(given)).toBe(stored))
test.each([
  ['', 'An email address is required'],
  [`${'a'.repeat(250)}@kit.example`, 'An email address is too long'],
  ['a b@kit.example', 'Unable to validate email address: invalid format'],
  ['nobody', 'Unable to validate email address: invalid format'],
  ['a@-bad-.example', 'Unable to validate email address: invalid format'],
  ['a@b@c.example', 'Unable to validate email address: invalid format'],
])('acceptEmail(%j) refuses: %s', (given, words) => expect(() => acceptEmail(given)).toThrow(words))

test.each([
  ['+1 555 010 0001', '15550100001'],
  ['46700000001', '46700000001'],
])('acceptPhone(%j) stores %j', (given, stored) => expect(acceptPhone(given)).toBe(stored))
test.each([['0123456'], ['+'], ['abc'], ['1'], ['1234567890123456'], ['123-456']])('acceptPhone(%j) refuses', (given) =>
  expect(() => acceptPhone(given)).toThrow('E.164'),
)

test('isUuid() takes both spellings and nothing else', () => {
  expect(['00000000-0000-0000-0000-000000000000', '0f9d3c3e4b1a4c3d8f7e6a5b4c3d2e1f'].every(isUuid)).toBe(true)
  expect(['', 'x', '00000000-0000-0000-0000-00000000000', "0'; drop table users; --"].some(isUuid)).toBe(false)
})

test("form encoding is Go's", () => {
  expect(queryEscape("a b+c~d'(e)*!é/")).toBe('a+b%2Bc~d%27%28e%29%2A%21%C3%A9%2F')
  expect(encodeForm({ b: '2', a: '1 x' })).toBe('a=1+x&b=2')
  expect(withQuery('https://a.example/p?z=1&b=2#old', { code: 'c d' }, 'frag')).toBe('https://a.example/p?b=2&code=c+d&z=1#frag')
  expect(withQuery('app://callback', { code: 'x' })).toBe('app://callback?code=x')
})

test.each([
  ['', undefined],
  ['none', 0],
  ['1h30m', 5_400_000],
  ['24h', 86_400_000],
])('acceptBan(%j) is %s', (text, ms) => expect(acceptBan(text)).toBe(ms))
test.each([
  ['3 days', 'invalid format for ban duration: time: unknown unit " days" in duration "3 days"'],
  ['5', 'invalid format for ban duration: time: missing unit in duration "5"'],
  ['for ever', 'invalid format for ban duration: time: invalid duration "for ever"'],
])('acceptBan(%j) refuses in the words of Go', (text, words) => expect(() => acceptBan(text)).toThrow(words))

const call = (query: string) => ({ query: new URLSearchParams(query), path: '/admin/users' }) as Parameters<typeof pageHeaders>[0]
test.each([
  ['page=1&per_page=2', 5, '</admin/users?page=2&per_page=2>; rel="next", </admin/users?page=3&per_page=2>; rel="last"'],
  ['page=3&per_page=2', 5, '</admin/users?page=3&per_page=2>; rel="last"'],
  ['', 0, '</admin/users?page=1>; rel="last"'],
])('pageHeaders() of %j with %s rows leads on', (query, total, link) => {
  expect(pageHeaders(call(query), readPage(new URLSearchParams(query)), total)).toEqual({ 'x-total-count': String(total), link })
})
test('readPage() and readSort() refuse what is no number, field or direction', () => {
  expect(() => readPage(new URLSearchParams('page=x'))).toThrow(/^Bad Pagination Parameters: /)
  expect(() => readPage(new URLSearchParams('per_page=-1'))).toThrow(/^Bad Pagination Parameters: /)
  expect(() => readSort(new URLSearchParams('sort=email'))).toThrow("Bad Sort Parameters: bad field for sort 'email'")
  expect(readSort(new URLSearchParams('sort=created_at asc'))).toBe('asc')
})

test('PKCE: the verifier fits its challenge and no other', () => {
  // RFC 7636, appendix B
  const challenge = acceptChallenge('E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', 'S256')
  expect(verifierFits(challenge!, 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk')).toBe(true)
  expect(verifierFits(challenge!, 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM')).toBe(false)
  expect(verifierFits({ challenge: 'p'.repeat(50), method: 'plain' }, 'p'.repeat(50))).toBe(true)
  expect(acceptChallenge('', '')).toBeUndefined()
  expect(() => acceptChallenge('a'.repeat(43), 'md5')).toThrow('unsupported')
  expect(sameText('a', 'b')).toBe(false)
})

test.each([
  [{}, [], 'https://api.example'],
  [{ 'x-forwarded-host': 'evil.example' }, ['auth.example'], 'https://api.example'],
  [{ 'x-forwarded-host': 'auth.example' }, ['auth.example'], 'https://auth.example'],
  [{ 'x-forwarded-host': 'auth.example' }, [], 'https://api.example'],
  [{ 'x-forwarded-host': 'auth.example', 'x-forwarded-proto': 'http' }, ['auth.example'], 'https://auth.example'],
  [{ 'x-forwarded-host': 'localhost', 'x-forwarded-proto': 'http' }, ['localhost'], 'http://localhost'],
  [{ host: 'evil.example' }, ['evil.example'], 'https://api.example'],
])('externalUrl() of %j, accepted %j, is %s', (headers, accepted, url) => {
  expect(externalUrl(headers, 'https://api.example', accepted)).toBe(url)
})
