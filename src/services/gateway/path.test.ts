import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { normalisePath, upstreamPath } from './path.ts'

test.each([
  ['/', '/'],
  ['/a/b', '/a/b'],
  ['/a/./b', '/a/b'],
  ['/a/../b', '/b'],
  ['/a/b/..', '/a/'],
  ['/a/b/.', '/a/b/'],
  ['/../../a', '/a'],
  ['/..', '/'],
  ['//a///b//', '/a/b/'],
  ['/%70g/x', '/pg/x'],
  ['/a/%2e%2E/b', '/b'],
  ['/a/.%2e/b', '/b'],
  ['/a%2fb%3f', '/a%2Fb%3F'],
  ['/%252e%252e/b', '/%252e%252e/b'],
  ['/a/..;/b', '/a/..;/b'],
  ['/a/...', '/a/...'],
  ['/.hidden', '/.hidden'],
  ['/%zz', '/%zz'],
  ['/a b|\xe9', '/a%20b%7C%E9'],
])('the path %s is %s', (sent, path) => {
  expect(normalisePath(sent)).toBe(path)
})

// What hostile paths are made of.
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom('/', '.', '..', '%2e', '%2E', '%2f', '%5c', '%', '%25', ';', '//', 'pg', 'a', '%70', '\x80', ' '),
      fc.string({ maxLength: 3 }),
    ),
  )
  .map((parts) => `/${parts.join('')}`)

describe('a normalised path', () => {
  test('is its own normal form', () => {
    fc.assert(
      fc.property(hostile, (sent) => {
        expect(normalisePath(normalisePath(sent))).toBe(normalisePath(sent))
      }),
    )
  })

  test('has neither dot segments, plain or encoded, nor empty ones, nor bytes that may not stand in a URL', () => {
    fc.assert(
      fc.property(hostile, (sent) => {
        const path = normalisePath(sent)
        expect(path).toMatch(/^\//)
        expect(path).not.toMatch(/\/\/|(^|\/)(\.|%2e){1,2}(\/|$)/i)
        expect(path).toMatch(/^[\x21-\x7e]*$/)
      }),
    )
  })
})

// base, route, strip, handling, request, sent to the service
test.each([
  ['/', '/auth/v1/', true, 'v0', '/auth/v1/token', '/token'],
  ['/', '/auth/v1/', true, 'v0', '/auth/v1/', '/'],
  ['/verify', '/auth/v1/verify', true, 'v0', '/auth/v1/verify', '/verify'],
  ['/verify', '/auth/v1/verify', true, 'v0', '/auth/v1/verify/x', '/verify/x'],
  ['/verify', '/auth/v1/verify', true, 'v0', '/auth/v1/verifyx', '/verify/x'],
  ['/rpc/graphql', '/graphql/v1', true, 'v0', '/graphql/v1', '/rpc/graphql'],
  ['/socket', '/realtime/v1/', true, 'v0', '/realtime/v1/websocket', '/socket/websocket'],
  ['/svc/', '/route', true, 'v0', '/route', '/svc'],
  ['/svc/', '/route', true, 'v0', '/route/', '/svc/'],
  ['/svc', '/', true, 'v0', '/', '/svc'],
  ['/svc', '/route', false, 'v0', '/route/x', '/svc/route/x'],
  ['/svc/', '/', false, 'v0', '/', '/svc/'],
  ['/svc', '/route', true, 'v1', '/routex', '/svcx'],
  ['/svc/', '/route', true, 'v1', '/route/x', '/svc/x'],
  ['/svc', '/route', false, 'v1', '/route/x', '/svcroute/x'],
] as const)('service %s, route %s, strip %s, %s: %s goes out as %s', (base, route, strip, handling, request, sent) => {
  expect(upstreamPath({ base, strip, handling }, request, route.length)).toBe(sent)
})

test.each([
  ['/api../x', '/x'],
  ['/api./x', '/x'],
  ['/api..', '/'],
  ['/api../../x', '/x'],
])('what a prefix leaves of %s cannot climb: %s', (request, sent) => {
  expect(upstreamPath({ base: '/', strip: true, handling: 'v0' }, request, '/api'.length)).toBe(sent)
})
