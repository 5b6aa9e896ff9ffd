// Auth of its own for a test: a database, the service on a free port, a mail catcher; ended with `await using`.
import { createHmac } from 'node:crypto'
import type { Client } from 'pg'
import { readEnv } from '../../src/env/read.ts'
import { Dispatcher } from '../../src/http/dispatch.ts'
import { serveEndpoint } from '../../src/http/server.ts'
import { type Logger, silentLog } from '../../src/log/log.ts'
import { authEnv } from '../../src/services/auth/env.ts'
import { auth } from '../../src/services/auth/index.ts'
import type { TestPostgres } from './postgres.ts'

export const JWT_SECRET = 'a-secret-of-more-than-thirty-two-characters'

// biome-ignore lint/suspicious/noExplicitAny: answers are asserted on, not computed with
export type Json = any

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: Json
}

export interface TestAuth extends AsyncDisposable {
  readonly url: string
  call(method: string, path: string, options?: { body?: unknown; token?: string; headers?: Record<string, string> }): Promise<Reply>
  admin(method: string, path: string, body?: unknown): Promise<Reply>
  /** Goes on with these variables changed. */
  reload(changes: Record<string, string>): Promise<void>
  /** The page of another endpoint of the service. */
  endpoint(port: number, path: string): Promise<string>
}

export const sign = (claims: object, secret = JWT_SECRET, header: object = { alg: 'HS256', typ: 'JWT' }): string => {
  const body = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`
}
export const claimsOf = (token: string): Json => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())

/** Starts the service on a database whose roles and schemas are there. */
export async function startAuth(
  server: TestPostgres,
  database: string,
  variables: Record<string, string> = {},
  log: Logger = silentLog,
): Promise<TestAuth> {
  const settings: Record<string, string> = {
    GOTRUE_DB_DATABASE_URL: server.url('supabase_auth_admin', database),
    API_EXTERNAL_URL: 'http://auth.test',
    GOTRUE_SITE_URL: 'https://app.example',
    GOTRUE_URI_ALLOW_LIST: 'https://ok.example/**',
    GOTRUE_JWT_SECRET: JWT_SECRET,
    GOTRUE_JWT_AUD: 'authenticated',
    GOTRUE_JWT_DEFAULT_GROUP_NAME: 'authenticated',
    GOTRUE_SMTP_MAX_FREQUENCY: '1ms',
    GOTRUE_RATE_LIMIT_EMAIL_SENT: '100000',
    GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
    ...variables,
  }
  const read = (changes: Record<string, string> = {}) => readEnv(authEnv, { ...settings, ...changes })
  const service = await auth.start(read(), { log, dispatcher: new Dispatcher(), signal: new AbortController().signal })
  const listening = await serveEndpoint(service.endpoints[0]!, '127.0.0.1', 0)
  const url = `http://127.0.0.1:${listening.port}`
  const service_role = sign({ role: 'service_role', exp: Math.floor(Date.now() / 1_000) + 3_600 })
  const call: TestAuth['call'] = async (method, path, { body, token, headers = {} } = {}) => {
    const response = await fetch(path.startsWith('http') ? path.replace('http://auth.test', url) : url + path, {
      method,
      redirect: 'manual',
      headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : undefined,
    }
  }
  return {
    url,
    call,
    admin: (method, path, body) => call(method, path, { token: service_role, ...(body === undefined ? {} : { body }) }),
    reload: async (changes) => service.reload!(read(changes)),
    async endpoint(port, path) {
      const server = await serveEndpoint(service.endpoints.find((candidate) => candidate.port === port)!, '127.0.0.1', 0)
      try {
        return await (await fetch(`http://127.0.0.1:${server.port}${path}`)).text()
      } finally {
        await server.close(0)
      }
    },
    async [Symbol.asyncDispose]() {
      await listening.close(0)
      await service.stop()
    },
  }
}

/** A new user with a session: made by the administrator, signed in by password. */
export async function signedIn(service: TestAuth, extra: object = {}): Promise<Json> {
  const email = newAddress()
  const password = (extra as { password?: string }).password ?? 'Some-pass-1'
  const made = await service.admin('POST', '/admin/users', { email, password, email_confirm: true, ...extra })
  if (made.status !== 200) throw new Error(made.text)
  const answer = await service.call('POST', '/token?grant_type=password', { body: { email, password } })
  if (answer.status !== 200) throw new Error(answer.text)
  return { ...answer.json, id: made.json.id, email, password }
}

let made = 0
export const newAddress = (): string => `user${process.pid}-${++made}@kit.example`

export const rowsOf = async (client: Client, text: string, values: unknown[] = []): Promise<Json[]> =>
  (await client.query(text, values)).rows
