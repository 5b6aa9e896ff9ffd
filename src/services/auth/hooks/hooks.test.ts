import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type HttpHook, parseHttpHook, runHttpHook } from './http.ts'
import { parsePgFunction } from './pg-functions.ts'

test.each([
  ['pg-functions://postgres/public/f', { schema: 'public', name: 'f' }],
  ['pg-functions://any.host/auth_hooks/_F1', { schema: 'auth_hooks', name: '_F1' }],
  ['https://x.example/', undefined],
])('parsePgFunction(%j)', (uri, expected) => {
  const parsed = parsePgFunction(uri)
  if (expected) expect(parsed).toMatchObject(expected)
  else expect(parsed).toBeUndefined()
})
test.each([
  ['pg-functions://postgres/public'],
  ['pg-functions://postgres/pub.lic/f'],
  ['pg-functions://postgres/public/f;drop'],
  ['pg-functions://postgres/1x/f'],
])('parsePgFunction(%j) throws', (uri) => expect(() => parsePgFunction(uri)).toThrow('Cannot use a hook'))

const SECRET = `v1,whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`
test.each([
  ['https://x.example/h', SECRET, true],
  ['http://localhost:1/h', SECRET, true],
  ['http://host.docker.internal/h', `${SECRET}|${SECRET}`, true],
  ['http://x.example/h', SECRET, false],
  ['https://x.example/h', '', false],
  ['https://x.example/h', 'v1,whsec_short', false],
  ['ftp://x.example/h', SECRET, false],
  ['nothing', SECRET, false],
])('parseHttpHook(%j, %j) is usable: %s', (uri, secrets, usable) => expect(typeof parseHttpHook(uri, secrets) !== 'string').toBe(usable))

let respond: (req: IncomingMessage, res: ServerResponse) => void
const seen: { headers: IncomingMessage['headers']; body: string }[] = []
const server = createServer(async (req, res) => {
  let body = ''
  for await (const part of req) body += part
  seen.push({ headers: req.headers, body })
  respond(req, res)
})
let hook: HttpHook
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  hook = parseHttpHook(`http://127.0.0.1:${(server.address() as AddressInfo).port}/h`, SECRET) as HttpHook
})
afterAll(() => void server.close())
beforeEach(() => {
  seen.length = 0
})
const json =
  (status: number, body: unknown, headers = {}) =>
  (_req: IncomingMessage, res: ServerResponse) =>
    res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))

test('a hook is signed the standard-webhooks way', async () => {
  respond = json(200, { ok: 1 })
  expect(await runHttpHook(hook, '{"a":1}')).toEqual({ ok: 1 })
  const [{ headers, body }] = seen as [(typeof seen)[number]]
  const mac = createHmac('sha256', '0123456789abcdef0123456789abcdef').update(
    `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`,
  )
  expect(headers['webhook-signature']).toBe(`v1,${mac.digest('base64')}`)
})

test.each([
  [json(400, {}), 500, 'Invalid payload sent to hook'],
  [json(401, {}), 500, 'Hook requires authorization token'],
  [json(503, {}), 500, 'Service currently unavailable due to hook'],
  [json(302, {}, { location: 'http://127.0.0.1/' }), 500, 'Unexpected status code returned from hook: 302'],
  [json(200, {}, { 'content-type': 'text/plain' }), 400, 'Invalid JSON response. Received content-type: text/plain'],
  [json(200, { pad: 'x'.repeat(210 * 1024) }), 422, 'Payload size exceeded size limit of 204800 bytes'],
] as const)('answer %# of a hook is refused', async (how, status, message) => {
  respond = how
  await expect(runHttpHook(hook, '{}')).rejects.toMatchObject({ status, message })
})

test('a busy hook that names a time is asked again with a new id, three times at most', async () => {
  respond = json(429, {}, { 'retry-after': '1' })
  await expect(runHttpHook(hook, '{}')).rejects.toMatchObject({ status: 500, message: 'Service currently unavailable due to hook' })
  expect(new Set(seen.map(({ headers }) => headers['webhook-id'])).size).toBe(3)
})

test('an empty answer is none', async () => {
  respond = (_req, res) => res.writeHead(204).end()
  expect(await runHttpHook(hook, '{}')).toEqual({})
})
