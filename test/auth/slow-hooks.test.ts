// A hook behind a URL that takes its time: whoever needs it waits, everybody else is served; and what it refuses never happened.
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startAuthDatabase } from '../support/auth-database.ts'
import { type Json, newAddress, rowsOf, signedIn, startAuth, type TestAuth } from '../support/auth-service.ts'
import type { TestPostgres } from '../support/postgres.ts'

const PASSWORD = 'Some-pass-1'
let server: TestPostgres
let sql: Client
let auth: TestAuth
let onCall: (json: Json, response: ServerResponse) => void
const reply = (response: ServerResponse, json: unknown) => response.setHeader('content-type', 'application/json').end(JSON.stringify(json))
const pass = (json: Json, response: ServerResponse) => void reply(response, { claims: json.claims })
const hook = createServer((request, response) => {
  let text = ''
  request.on('data', (part: Buffer) => {
    text += part.toString()
  })
  request.on('end', () => onCall(JSON.parse(text), response))
})
beforeAll(async () => {
  ;({ server, sql } = await startAuthDatabase('hooks'))
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve))
  auth = await startAuth(server, 'hooks', {
    GOTRUE_MAILER_AUTOCONFIRM: 'true',
    GOTRUE_DB_MAX_POOL_SIZE: '5',
    GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_ENABLED: 'true',
    GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_URI: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`,
    GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_SECRETS: `v1,whsec_${Buffer.alloc(32, 1).toString('base64')}`,
  })
})
afterAll(async () => {
  await auth?.[Symbol.asyncDispose]()
  hook.closeAllConnections()
  await new Promise((resolve) => hook.close(resolve))
  await server?.[Symbol.asyncDispose]()
})

test('a slow hook of access tokens leaves connections for everybody who needs no new token', async () => {
  onCall = pass
  const people: Json[] = []
  for (let i = 0; i < 12; i++) people.push(await signedIn(auth))
  const held: (() => void)[] = []
  let first = () => {}
  const called = new Promise<void>((resolve) => (first = resolve))
  onCall = (json, response) => {
    held.push(() => pass(json, response))
    first()
  }
  const waiting = Promise.all([
    ...people.slice(0, 8).map(({ email }) => auth.call('POST', '/token?grant_type=password', { body: { email, password: PASSWORD } })),
    ...people.slice(8).map(({ refresh_token }) => auth.call('POST', '/token?grant_type=refresh_token', { body: { refresh_token } })),
  ])
  let over = false
  void waiting.then(() => (over = true))
  await called
  const others = await Promise.all(
    people
      .slice(0, 4)
      .flatMap(({ access_token, email, id }) => [
        auth.call('GET', '/user', { token: access_token }),
        auth.admin('GET', `/admin/users/${id}`),
        auth.call('POST', '/recover', { body: { email } }),
      ]),
  )
  expect(others.map(({ status }) => status)).toEqual(Array(12).fill(200))
  expect(over).toBe(false)
  onCall = pass
  for (const answer of held.splice(0)) answer()
  // On a slow machine those who were held first may have had to wait longer than a hook may take.
  const answers = await waiting
  expect(answers.every(({ status, json }) => status === 200 || json.error_code === 'hook_timeout')).toBe(true)
  expect(answers.some(({ status }) => status === 200)).toBe(true)
})

test('what the hook refuses did not happen: no session, no account, and the refresh token is good still', async () => {
  onCall = pass
  const user = await signedIn(auth)
  const sessions = () => rowsOf(sql, 'select id from auth.sessions where user_id = $1', [user.id])
  const before = await sessions()
  onCall = (_json, response) => reply(response, { error: { http_code: 403, message: 'not today' } })
  const refused = { status: 403, json: { msg: 'not today' } }
  expect(await auth.call('POST', '/token?grant_type=password', { body: { email: user.email, password: PASSWORD } })).toMatchObject(refused)
  expect(await sessions()).toEqual(before)
  expect(await auth.call('POST', '/signup', { body: {} })).toMatchObject(refused)
  expect(await rowsOf(sql, 'select 1 from auth.users where is_anonymous')).toEqual([])
  const { refresh_token } = user
  expect(await auth.call('POST', '/token?grant_type=refresh_token', { body: { refresh_token } })).toMatchObject(refused)
  onCall = pass
  expect((await auth.call('POST', '/token?grant_type=refresh_token', { body: { refresh_token } })).status).toBe(200)
  expect((await auth.call('POST', '/signup', { body: { email: newAddress(), password: PASSWORD } })).status).toBe(200)
})
