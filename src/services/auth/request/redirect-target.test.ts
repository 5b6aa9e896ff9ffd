import { expect, test } from 'vitest'
import { redirectRules } from './redirect-target.ts'

const { allowed } = redirectRules('https://app.example', [
  'https://*.preview.example/**',
  'https://kit.example/exact',
  'kitapp://callback',
  'com.my_app://cb',
])

test.each([
  ['https://app.example', true],
  ['https://app.example/deep?x=1#frag', true],
  ['https://app.example:443/', false],
  ['http://app.example/', false],
  ['https://app.example.evil.example/', false],
  ['https://app.example@evil.example/', false],
  ['https://evil.example\\@app.example/', false],
  ['https://app.example\\.evil.example/', false],
  ['https:/\\evil.example/', false],
  ['//app.example/', false],
  ['/relative', false],
  ['', false],
  ['\thttps://app.example/', false],
  ['https://app.example/ x', false],
  ['https://kit.example/exact', true],
  ['https://kit.example/exact#f', true],
  ['https://kit.example/exact?x', false],
  ['https://x.preview.example/', true],
  ['https://x.preview.example.evil.example/', false],
  ['https://evil.example?.preview.example/a', false],
  ['https://evil_host.preview.example/', false],
  ['http://127.0.0.1:5173/x', true],
  ['http://[::1]:8080/', true],
  ['http://2130706433/', false],
  ['http://10.0.0.1/', false],
  ['http://[2001:db8::1]/', false],
  ['kitapp://callback', true],
  ['kitapp://other', false],
  ['com.my_app://cb', true],
  ['javascript:alert(1)', false],
  ['data:text/html,x', false],
])('%j is allowed: %s', (url, expected) => {
  expect(allowed(url)).toBe(expected)
})

test('a site on loopback may use any port', () => {
  const rules = redirectRules('http://localhost:3000', [])
  expect(rules.allowed('http://localhost:5173/x')).toBe(true)
  expect(rules.allowed('https://localhost:3000/')).toBe(false)
})
