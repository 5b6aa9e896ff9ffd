import { expect, test } from 'vitest'
import { readTarget } from './target.ts'

const HOST = ['Host', 'a.test']
const read = (url: string, raw: string[] = HOST, method = 'GET', version = '1.1') => readTarget(method, url, raw, version)

test.each([
  ['/a/../b?x=1', { rawPath: '/a/../b', path: '/b', query: '?x=1', host: 'a.test' }],
  ['/a?', { rawPath: '/a', path: '/a', query: '?', host: 'a.test' }],
  ['/a?b?c', { rawPath: '/a', path: '/a', query: '?b?c', host: 'a.test' }],
  ['http://other.test:81/x?y', { rawPath: '/x', path: '/x', query: '?y', host: 'other.test:81' }],
  ['http://other.test', { rawPath: '/', path: '/', query: '', host: 'other.test' }],
  ['/a?q=\xe9', { rawPath: '/a', path: '/a', query: '?q=%E9', host: 'a.test' }],
])('%s is read as %j', (url, target) => expect(read(url)).toEqual(target))

test.each([
  ['*', 'badRequest'],
  ['a.test:443', 'badRequest'],
  ['ftp://a.test/', 'badRequest'],
  ['http://a b/', 'badRequest'],
  ['/a#b', 'badRequest'],
  ['/a?b#c', 'badRequest'],
  ['/a/%00/b', 'badRequest'],
  [`/${'p'.repeat(10_000)}`, 'uriTooLong'],
])('the target %.20s is %s', (url, error) => expect(read(url)).toBe(error))

test.each([
  [[], 'badRequest'],
  [['Host', 'a', 'host', 'a'], 'badRequest'],
  [['Host', 'a b'], 'badRequest'],
  [['Host', 'a/../b'], 'badRequest'],
  [['Host', 'a..b'], 'badRequest'],
  [['Host', 'user@a'], 'badRequest'],
  [['Host', 'a:99999999'], 'badRequest'],
  [['Host', 'a', 'Transfer_Encoding', 'chunked'], 'badRequest'],
  [['Host', 'a', 'content_length', '1'], 'badRequest'],
  [['Host', 'a', 'Transfer-Encoding', 'gzip, chunked'], 'badRequest'],
  [['Host', 'a', 'Transfer-Encoding', 'chunked', 'transfer-encoding', 'chunked'], 'badRequest'],
  [['Host', 'a', 'X', 'v'.repeat(20_000)], 'headersTooLarge'],
  [['Host', 'a', ...Array.from({ length: 101 }, (_, i) => [`X-${i}`, '1']).flat()], 'headersTooLarge'],
])('header lines %.60j are %s', (raw, error) => expect(read('/', raw)).toBe(error))

test.each(['a.test', 'a_b', 'a.test:8000', '127.0.0.1:1', '[::1]:8000', 'realtime-dev.supabase-realtime'])('the host %s is one', (host) => {
  expect(read('/', ['Host', host])).toMatchObject({ host })
})

test.each(['CONNECT', 'TRACE'])('%s is not served', (method) => expect(read('/', HOST, method)).toBe('notAllowed'))

test('HTTP/1.0 has no chunks', () => expect(read('/', ['Transfer-Encoding', 'chunked'], 'POST', '1.0')).toBe('badRequest'))

test('HTTP/1.0 may come without a Host', () => expect(read('/', [], 'GET', '1.0')).toMatchObject({ host: '' }))
