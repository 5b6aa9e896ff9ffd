// REST alone: a Postgres, a schema, the service behind a real socket.
import { readEnv } from '../../src/env/read.ts'
import { Dispatcher } from '../../src/http/dispatch.ts'
import { serveEndpoint } from '../../src/http/server.ts'
import { signingKeyFrom } from '../../src/jwt/keys.ts'
import { signJwt } from '../../src/jwt/sign.ts'
import { silentLog } from '../../src/log/log.ts'
import { restEnv } from '../../src/services/rest/env.ts'
import { rest } from '../../src/services/rest/index.ts'

export const SECRET = 'a-secret-of-more-than-thirty-two-bytes'

export interface TestRest extends AsyncDisposable {
  readonly url: string
  readonly admin: string
  /** Sends a request; `role` is put into a token. */
  call(method: string, path: string, options?: CallOptions): Promise<Called>
  health(): Promise<void>
}

export interface CallOptions {
  readonly role?: string
  readonly claims?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly signal?: AbortSignal
}

export interface Called {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as JSON; undefined when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: what a test knows to be there
  readonly json: any
}

export const token = (claims: Readonly<Record<string, unknown>>): Promise<string> => signJwt(claims, signingKeyFrom(SECRET))

/** Starts the service with upstream's variables. Does not wait for the database. */
export async function startRest(databaseUrl: string, variables: Readonly<Record<string, string>> = {}): Promise<TestRest> {
  const env = readEnv(restEnv, {
    PGRST_DB_URI: databaseUrl,
    PGRST_DB_SCHEMAS: 'api',
    PGRST_DB_ANON_ROLE: 'web_anon',
    PGRST_JWT_SECRET: SECRET,
    ...variables,
  })
  const service = await rest.start(env, { log: silentLog, dispatcher: new Dispatcher(), signal: new AbortController().signal })
  const [api, admin] = await Promise.all(service.endpoints.map((endpoint) => serveEndpoint(endpoint, '127.0.0.1', 0)))
  const url = `http://127.0.0.1:${api!.port}`
  return {
    url,
    admin: `http://127.0.0.1:${admin!.port}`,
    health: () => service.health(),
    async call(method, path, { role, claims, headers = {}, body, signal } = {}) {
      const all: Record<string, string> = { ...headers }
      if (role !== undefined || claims !== undefined)
        all['authorization'] = `Bearer ${await token({ ...(role !== undefined && { role }), ...claims })}`
      const raw = typeof body === 'string' || body instanceof Uint8Array
      if (body !== undefined && !raw) all['content-type'] ??= 'application/json'
      const response = await fetch(`${url}${path}`, {
        method,
        headers: all,
        ...(body !== undefined && { body: raw ? (body as string) : JSON.stringify(body) }),
        ...(signal !== undefined && { signal }),
      })
      const text = await response.text()
      return { status: response.status, headers: response.headers, text, json: jsonOf(text) }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([api!.close(), admin!.close()])
      await service.stop()
    },
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
