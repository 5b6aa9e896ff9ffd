// The load on auth: each connection sends its next request when the last one is answered. A refresh sends the token that the answer
// before it gave.
import { Pool } from 'undici'

export interface AuthLoad {
  readonly origin: string
  readonly kind: 'sign-in' | 'user' | 'refresh'
  /** One per connection. */
  readonly people: readonly { readonly email: string; readonly access_token: string; readonly refresh_token: string }[]
  readonly password: string
  readonly warmupMs: number
  readonly measureMs: number
}

export interface AuthOutcome {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  /** Warming up included. */
  readonly requests: number
  /** What each person's refresh token is afterwards. */
  readonly tokens: readonly string[]
}

export async function runAuthLoad({ origin, kind, people, password, warmupMs, measureMs }: AuthLoad): Promise<AuthOutcome> {
  const pool = new Pool(origin, { connections: people.length, pipelining: 1 })
  const from = performance.now() + warmupMs
  const until = from + measureMs
  const latencies: number[] = []
  let requests = 0
  const tokens = await Promise.all(
    people.map(async ({ email, access_token, refresh_token }) => {
      let token = refresh_token
      for (;;) {
        const sentAt = performance.now()
        if (sentAt >= until) return token
        const request =
          kind === 'user'
            ? ({ method: 'GET', path: '/user', headers: { authorization: `Bearer ${access_token}` } } as const)
            : ({
                method: 'POST',
                path: `/token?grant_type=${kind === 'refresh' ? 'refresh_token' : 'password'}`,
                headers: { 'content-type': 'application/json' },
                body: JSON.stringify(kind === 'refresh' ? { refresh_token: token } : { email, password }),
              } as const)
        const { statusCode, body } = await pool.request(request)
        const text = await body.text()
        if (statusCode !== 200) throw new Error(`${kind} answered ${statusCode}: ${text.slice(0, 300)}`)
        if (kind === 'refresh') token = (JSON.parse(text) as { refresh_token: string }).refresh_token
        requests++
        const now = performance.now()
        if (now >= from && now < until) latencies.push(now - sentAt)
      }
    }),
  )
  await pool.close()
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
  return { perSecond: latencies.length / (measureMs / 1_000), p50: at(0.5), p99: at(0.99), requests, tokens }
}
