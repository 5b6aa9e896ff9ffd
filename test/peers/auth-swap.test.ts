// Plinth and the original of Auth take turns on one database: what one of them stored, the other goes on with. `npm run test:peers`; not part
// of `npm test`, because the original is built with Go.
import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { resolve } from 'node:path'
import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codeAt } from '../../src/services/auth/mfa/totp.ts'
import { claimsOf, type Json, JWT_SECRET, newAddress, sign } from '../support/auth-service.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { createRoles, createSchemas } from '../support/roles.ts'
import { findPeer, HOW_TO_BUILD_AUTH } from './find-peer.ts'

const original = findPeer('auth')
// The suite itself can be tried with Plinth on both sides.
const other = original ?? (process.env['PLINTH_PEERS_SELF'] ? process.execPath : undefined)
if (!other) console.log(`the swap with the original of Auth: not run (${HOW_TO_BUILD_AUTH})`)

const freePort = (): Promise<number> =>
  new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => done(port))
    })
  })

interface Side extends AsyncDisposable {
  readonly name: string
  call(
    method: string,
    path: string,
    options?: { body?: unknown; token?: string },
  ): Promise<{ status: number; json: Json; location: string }>
  admin(method: string, path: string, body?: unknown): Promise<Json>
}

const plinth = ['plinth', process.execPath, resolve('dist/cli.js'), 'serve', 'auth'] as const
const peer = original ? (['original', original] as const) : (['plinth again', ...plinth.slice(1)] as const)

async function start([name, command, ...args]: readonly string[], databaseUrl: string, variables: object): Promise<Side> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const child: ChildProcess = spawn(command!, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      PLINTH_LOG_LEVEL: 'error',
      GOTRUE_LOG_LEVEL: 'error',
      GOTRUE_API_HOST: '127.0.0.1',
      GOTRUE_API_PORT: String(port),
      PORT: String(port),
      API_EXTERNAL_URL: url,
      GOTRUE_SITE_URL: 'https://app.example',
      GOTRUE_DB_DRIVER: 'postgres',
      GOTRUE_DB_DATABASE_URL: databaseUrl,
      GOTRUE_JWT_SECRET: JWT_SECRET,
      GOTRUE_JWT_AUD: 'authenticated',
      GOTRUE_JWT_DEFAULT_GROUP_NAME: 'authenticated',
      GOTRUE_JWT_ADMIN_ROLES: 'service_role',
      GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
      GOTRUE_MFA_TOTP_ENROLL_ENABLED: 'true',
      GOTRUE_MFA_TOTP_VERIFY_ENABLED: 'true',
      GOTRUE_SMTP_MAX_FREQUENCY: '1ms',
      ...variables,
    },
  })
  const ended = new Promise<void>((done) => child.once('exit', () => done()))
  const call: Side['call'] = async (method, path, { body, token } = {}) => {
    const response = await fetch(url + path, {
      method,
      redirect: 'manual',
      headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, json: /^[[{]/.test(text) ? JSON.parse(text) : text, location: response.headers.get('location') ?? '' }
  }
  const failed = ended.then(() => {
    throw new Error(`${name} did not start`)
  })
  const health = () =>
    call('GET', '/health').then(
      ({ status }) => status,
      () => 0,
    )
  await Promise.race([failed, expect.poll(health, { timeout: 60_000 }).toBe(200)])
  failed.catch(() => undefined) // from here on its end is the test's doing
  const service = sign({ role: 'service_role', exp: Math.floor(Date.now() / 1_000) + 3_600 })
  return {
    name: name!,
    call,
    async admin(method, path, body) {
      const reply = await call(method, path, { token: service, body })
      expect(reply.status, JSON.stringify(reply.json)).toBeLessThan(300)
      return reply.json
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

let server: TestPostgres
beforeAll(async () => {
  if (!other) return
  server = await startPostgres()
  await createRoles(await server.connect())
})
afterAll(async () => server?.[Symbol.asyncDispose]())

const PASSWORD = 'Some-pass-1'
async function signedIn(side: Side): Promise<Json> {
  const email = newAddress()
  const made = await side.admin('POST', '/admin/users', {
    email,
    password: PASSWORD,
    email_confirm: true,
    user_metadata: { colour: 'blue' },
  })
  const { json } = await side.call('POST', '/token?grant_type=password', { body: { email, password: PASSWORD } })
  return { ...json, id: made.id, email }
}
const refresh = (side: Side, refresh_token: string) => side.call('POST', '/token?grant_type=refresh_token', { body: { refresh_token } })

describe.skipIf(!other).each([
  ['plinth migrates first', plinth, peer],
  [`${peer[0]} migrates first`, peer, plinth],
])('%s', (title, first, second) => {
  const database = `swap_${title.startsWith('plinth m') ? 1 : 2}`
  describe.each([
    ['version 1', {}],
    ['version 2', { GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION: '2' }],
  ])('refresh tokens of %s', (version, variables) => {
    let sides: readonly Side[] = []
    let sql: Client
    beforeAll(async () => {
      if (version === 'version 1') {
        await server.database(database)
        await createSchemas(await server.connect('supabase_admin', database))
      }
      sql = await server.connect('supabase_admin', database)
      const url = server.url('supabase_auth_admin', database)
      // One after the other: the second finds what the first has migrated.
      const one = await start(first, url, variables)
      sides = [one, await start(second, url, variables)]
    })
    afterAll(async () => {
      for (const side of sides) await side[Symbol.asyncDispose]()
    })
    const both = (work: (from: Side, to: Side) => Promise<void>) => async () => {
      await work(sides[0]!, sides[1]!)
      await work(sides[1]!, sides[0]!)
    }

    test(
      'accounts and passwords',
      both(async (from, to) => {
        const user = await signedIn(from)
        const there = await to.call('POST', '/token?grant_type=password', { body: { email: user.email, password: PASSWORD } })
        expect(there.json.user).toMatchObject({ id: user.id, user_metadata: { colour: 'blue' }, app_metadata: { provider: 'email' } })
        expect((await to.call('PUT', '/user', { token: there.json.access_token, body: { password: 'Another-pass-2' } })).status).toBe(200)
        const body = { email: user.email, password: 'Another-pass-2' }
        expect((await from.call('POST', '/token?grant_type=password', { body })).status).toBe(200)
      }),
    )
    test(
      'access tokens and sessions, refreshed in turns',
      both(async (from, to) => {
        const user = await signedIn(from)
        expect((await to.call('GET', '/user', { token: user.access_token })).json.email).toBe(user.email)
        const there = await refresh(to, user.refresh_token)
        expect(claimsOf(there.json.access_token).session_id).toBe(claimsOf(user.access_token).session_id)
        const back = await refresh(from, there.json.refresh_token)
        expect(back.status).toBe(200)
        expect((await to.call('POST', '/logout', { token: back.json.access_token })).status).toBe(204)
        expect((await from.call('GET', '/user', { token: back.json.access_token })).json.error_code).toBe('session_not_found')
        expect((await refresh(from, back.json.refresh_token)).status).toBe(400)
      }),
    )
    test(
      'one-time tokens',
      both(async (from, to) => {
        const user = await signedIn(from)
        const link = await from.admin('POST', '/admin/generate_link', { type: 'recovery', email: user.email })
        const code = { type: 'recovery', email: user.email, token: link.email_otp }
        expect((await to.call('POST', '/verify', { body: code })).json.user.id).toBe(user.id)
        expect((await from.call('POST', '/verify', { body: code })).json.error_code).toBe('otp_expired')
        const next = await from.admin('POST', '/admin/generate_link', { type: 'magiclink', email: user.email })
        expect((await to.call('GET', `/verify?type=magiclink&token=${next.hashed_token}`)).location).toContain('access_token=')
      }),
    )
    test(
      'second factors',
      both(async (from, to) => {
        const user = await signedIn(from)
        const { json: factor } = await from.call('POST', '/factors', { token: user.access_token, body: { factor_type: 'totp' } })
        const pass = async (side: Side, token: string, at: number) => {
          const { json: challenge } = await side.call('POST', `/factors/${factor.id}/challenge`, { token, body: {} })
          const body = { challenge_id: challenge.id, code: codeAt(factor.totp.secret, at) }
          return side.call('POST', `/factors/${factor.id}/verify`, { token, body })
        }
        expect(claimsOf((await pass(to, user.access_token, Date.now())).json.access_token).aal).toBe('aal2')
        const again = await from.call('POST', '/token?grant_type=password', { body: { email: user.email, password: PASSWORD } })
        expect(claimsOf((await pass(from, again.json.access_token, Date.now() + 30_000)).json.access_token).aal).toBe('aal2')
      }),
    )
    test(
      'anonymous users become permanent',
      both(async (from, to) => {
        const { json } = await from.call('POST', '/signup', { body: {} })
        const email = newAddress()
        await to.admin('PUT', `/admin/users/${json.user.id}`, { email, email_confirm: true })
        expect((await from.call('GET', '/user', { token: json.access_token })).json).toMatchObject({ email, is_anonymous: false })
      }),
    )
    test(
      'deletion',
      both(async (from, to) => {
        const user = await signedIn(from)
        await to.admin('DELETE', `/admin/users/${user.id}`, { should_soft_delete: true })
        expect((await from.call('POST', '/token?grant_type=password', { body: { email: user.email, password: PASSWORD } })).status).toBe(
          400,
        )
        expect((await from.call('POST', '/admin/users', { body: {} })).status).toBe(401)
        expect((await from.admin('GET', `/admin/users/${user.id}`)).deleted_at).toBeTruthy()
      }),
    )
    test('the record of migrations is the same for both', async () => {
      const { rows } = await sql.query('select count(*)::int as all, count(distinct version)::int as distinct from auth.schema_migrations')
      expect(rows[0].all).toBe(rows[0].distinct)
      expect(rows[0].all).toBeGreaterThanOrEqual(70)
    })
  })
})

test.skipIf(other)('not run: the original of Auth is not built', () => undefined)
