import { expect, test } from 'vitest'
import { readEnv } from '../../env/read.ts'
import { loginsOf } from './credentials.ts'
import { mailEnv } from './env.ts'
import { cleanTag, uniqueTags } from './tags.ts'

test.each([
  ['127.0.0.1:1025', { host: '127.0.0.1', port: 1025 }],
  ['[::]:25', { host: '::', port: 25 }],
  [':2500', { host: '::', port: 2500 }],
  ['localhost:0', { host: 'localhost', port: 0 }],
])('%s is the address %j', (value, expected) => {
  expect(readEnv(mailEnv, { MP_SMTP_BIND_ADDR: value }).MP_SMTP_BIND_ADDR).toEqual(expected)
})

test('SMTP is on loopback unless told otherwise', () => {
  expect(readEnv(mailEnv, {}).MP_SMTP_BIND_ADDR).toEqual({ host: '::', port: 1025 })
})

test.each([
  ['MP_SMTP_BIND_ADDR', '1025', /MP_SMTP_BIND_ADDR: expected an address and a port/],
  ['MP_SMTP_BIND_ADDR', 'a:99999', /MP_SMTP_BIND_ADDR/],
  ['MP_MAX_AGE', '3 weeks', /MP_MAX_AGE: expected an age/],
  ['MP_MAX_MESSAGES', '-1', /MP_MAX_MESSAGES: expected a whole number/],
  ['MP_SMTP_ALLOWED_RECIPIENTS', '(', /MP_SMTP_ALLOWED_RECIPIENTS: expected a regular expression/],
])('%s=%s is refused', (name, value, message) => {
  expect(() => readEnv(mailEnv, { [name]: value })).toThrow(message)
})

test.each([
  ['mail', '/mail/'],
  ['/a/b/', '/a/b/'],
  ['/', '/'],
])('webroot %s is %s', (value, expected) => {
  expect(readEnv(mailEnv, { MP_WEBROOT: value }).MP_WEBROOT).toBe(expected)
})

test('logins: plain and bcrypt passwords; unknown hashes are refused', async () => {
  // bcrypt of "secret", cost 4
  const check = loginsOf('X', 'ann:plain bob:$2b$04$ugpdI0jOdcimYBwLsU1l2eC7Lad67.VMGsnIF3mmwtRG8hBMwFW4O')!
  expect(await check('ann', 'plain')).toBe(true)
  expect(await check('ann', 'other')).toBe(false)
  expect(await check('eve', 'plain')).toBe(false)
  expect(await check('bob', 'secret')).toBe(true)
  expect(await check('bob', 'wrong')).toBe(false)
  expect(loginsOf('X', undefined)).toBeUndefined()
  expect(() => loginsOf('MP_UI_AUTH', 'ann')).toThrow(/MP_UI_AUTH: expected user:password/)
  expect(() => loginsOf('MP_UI_AUTH', 'ann:$apr1$abc$def')).toThrow(/unknown kind/)
})

test('tags', () => {
  expect(cleanTag('  a  b!c ')).toBe('a b c')
  expect(uniqueTags(['b', 'A', 'a', '', '!'])).toEqual(['A', 'b'])
})
