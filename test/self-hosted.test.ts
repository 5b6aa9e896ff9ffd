// The `.env` of a self-hosted stack, from outside: which keys open it, which algorithm signs user tokens, and what a change of it does.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createStack, type RunningStack } from '../src/index.ts'
import { freePort } from '../src/stack/ports.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'self-hosted-'))
  // The server's user has to reach the data, so that they lie here and go with the folder, as root too.
  chmodSync(dir, 0o755)
})
afterEach(() => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }))

const envFile = () => join(dir, '.env')
const PORTS = ['KONG_HTTP_PORT', 'KONG_HTTPS_PORT', 'POSTGRES_PORT', 'POOLER_PROXY_PORT_TRANSACTION'] as const
async function freePorts(): Promise<Record<string, string>> {
  const taken = new Set<number>()
  const ports: Record<string, string> = {}
  for (const name of PORTS) {
    const port = await freePort(taken)
    taken.add(port)
    ports[name] = String(port)
  }
  return ports
}
const start = (env: Record<string, string>) =>
  createStack({ workDir: dir, env: { PLINTH_PROFILE: 'minimal', ENABLE_EMAIL_AUTOCONFIRM: 'true', ...env } })

async function signUp(stack: RunningStack, apikey: string, email: string): Promise<string> {
  const answer = await fetch(`${stack.url}/auth/v1/signup`, {
    method: 'POST',
    headers: { apikey, 'content-type': 'application/json' },
    body: JSON.stringify({ email, password: 'correct horse 9' }),
  })
  expect(answer.status).toBe(200)
  return ((await answer.json()) as { access_token: string }).access_token
}
const algorithmOf = (token: string): string => JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()).alg
/** 404 says that REST took the token and looked for the table. */
const read = async (stack: RunningStack, apikey: string, token?: string) =>
  (await fetch(`${stack.url}/rest/v1/nothing_here`, { headers: { apikey, ...(token ? { authorization: `Bearer ${token}` } : {}) } })).status
async function userOf(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<{ user: string }>('select current_user::text as user')).rows[0]!.user
  } finally {
    await client.end()
  }
}

test('an .env that was there signs with HS256; a password of odd characters opens everything, and so does the next one', async () => {
  const ports = await freePorts()
  writeFileSync(envFile(), `# mine\nPOSTGRES_PASSWORD='p@ss:w/rd#%&"$'\n`)
  const first = await start(ports)
  try {
    expect(await userOf(first.dbUrl)).toBe('postgres')
    const token = await signUp(first, first.anonKey, 'ann@example.org')
    expect(algorithmOf(token)).toBe('HS256')
    for (const key of [first.anonKey, first.serviceRoleKey, first.values['PUBLISHABLE_KEY']!, first.values['SECRET_KEY']!])
      expect(await read(first, key, token)).toBe(404)
  } finally {
    await first.stop()
  }
  writeFileSync(
    envFile(),
    readFileSync(envFile(), 'utf8').replace(/^POSTGRES_PASSWORD=.*$/m, `POSTGRES_PASSWORD="it's another \\"one\\" \\$"`),
  )
  await using second = await start(ports)
  expect(decodeURIComponent(new URL(second.dbUrl).password)).toBe(`it's another "one" $`)
  expect(await userOf(second.dbUrl)).toBe('postgres')
  await expect(userOf(first.dbUrl)).rejects.toThrow(/password authentication failed/)
  expect(second.anonKey).toBe(first.anonKey)
  await signUp(second, second.anonKey, 'bob@example.org')
})

test('an .env that is made has a key pair: user tokens are ES256, every key opens REST, and the secret is not published', async () => {
  await using stack = await start(await freePorts())
  const [publishable, secret] = [stack.values['PUBLISHABLE_KEY']!, stack.values['SECRET_KEY']!]
  const token = await signUp(stack, publishable, 'ann@example.org')
  expect(algorithmOf(token)).toBe('ES256')
  for (const key of [stack.anonKey, stack.serviceRoleKey, publishable, secret]) {
    expect(await read(stack, key)).toBe(404)
    expect(await read(stack, key, token)).toBe(404)
  }
  expect(await read(stack, 'sb_secret_of_somebody_else')).toBe(401)
  const jwks = (await (await fetch(`${stack.url}/auth/v1/.well-known/jwks.json`)).json()) as {
    keys: { kty: string; d?: string; k?: string }[]
  }
  expect(jwks.keys.map(({ kty, d, k }) => [kty, d, k])).toEqual([['EC', undefined, undefined]])
  const admin = await fetch(`${stack.url}/auth/v1/admin/users`, { headers: { apikey: secret } })
  expect(admin.status).toBe(200)
})

test('published demo secrets are refused on an open address before anything starts', async () => {
  writeFileSync(envFile(), 'JWT_SECRET=your-super-secret-jwt-token-with-at-least-32-characters-long\nPLINTH_HOST=0.0.0.0\n')
  await expect(start(await freePorts())).rejects.toThrow(
    /JWT_SECRET: expected a value of your own: this one is published, and PLINTH_HOST=0\.0\.0\.0/,
  )
})
