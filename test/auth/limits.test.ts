// Limits per client, as they are set where a gateway names the client.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startAuthDatabase } from '../support/auth-database.ts'
import { startAuth } from '../support/auth-service.ts'
import type { TestPostgres } from '../support/postgres.ts'

let server: TestPostgres
beforeAll(async () => {
  ;({ server } = await startAuthDatabase('limits'))
})
afterAll(async () => server?.[Symbol.asyncDispose]())

const BURST = 30
/** How many of some more than the burst are let through. */
async function allowed(variables: Record<string, string>, headers: Record<string, string>): Promise<number> {
  await using auth = await startAuth(server, 'limits', { GOTRUE_RATE_LIMIT_VERIFY: '0.001', ...variables })
  const body = { type: 'email', token: '000000', email: 'nobody@kit.example' }
  const statuses: number[] = []
  for (let i = 0; i < BURST + 2; i++) statuses.push((await auth.call('POST', '/verify', { body, headers })).status)
  return statuses.filter((status) => status !== 429).length
}

const inStack = { PLINTH_AUTH_ADDRESS_HEADER: 'X-Real-IP' }
test.each([
  ['no header is configured', {}, { 'x-real-ip': '203.0.113.1' }, BURST + 2],
  ['the header names the client', { GOTRUE_RATE_LIMIT_HEADER: 'X-Client' }, { 'x-client': 'a, b' }, BURST],
  ['the request lacks the header', { GOTRUE_RATE_LIMIT_HEADER: 'X-Client' }, {}, BURST + 2],
  ['the gateway names a public address', inStack, { 'x-real-ip': '203.0.113.1' }, BURST],
  ['the gateway names an inner address', inStack, { 'x-real-ip': '172.18.0.1' }, BURST + 2],
  ['upstream’s variable wins', { ...inStack, GOTRUE_RATE_LIMIT_HEADER: 'X-Client' }, { 'x-real-ip': '203.0.113.1' }, BURST + 2],
])('where %s', async (_name, variables, headers, expected) => {
  expect(await allowed(variables, headers)).toBe(expected)
})
