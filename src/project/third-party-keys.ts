// The public keys of [auth.third_party.X]: found at its issuer by OIDC discovery, once at start.
import type { Jwk } from '../jwt/keys.ts'
import { thirdPartyIssuer } from './config/auth/third-party.ts'
import type { ProjectConfig } from './config/schema.ts'

const TIMEOUT_MS = 10_000

/** None without a third party; an issuer that does not answer fails the start, because its tokens would all be refused. */
export async function thirdPartyKeys(config: ProjectConfig): Promise<Jwk[]> {
  const issuer = config.auth.enabled ? thirdPartyIssuer(config.auth.third_party) : undefined
  if (issuer === undefined) return []
  const discovered = await getJson(`${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`)
  const address = (discovered as { jwks_uri?: unknown }).jwks_uri
  if (typeof address !== 'string') throw new Error(`failed to fetch the keys of ${issuer}: its OpenID configuration names no jwks_uri`)
  const set = await getJson(address)
  const keys = (set as { keys?: unknown }).keys
  if (!Array.isArray(keys)) throw new Error(`failed to fetch the keys of ${issuer}: ${address} holds no key set`)
  return keys as Jwk[]
}

async function getJson(url: string): Promise<unknown> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
    if (!response.ok) throw new Error(`it answers ${response.status}`)
    const body: unknown = await response.json()
    if (typeof body !== 'object' || body === null) throw new Error('it answers no JSON object')
    return body
  } catch (error) {
    const cause = (error as Error).cause
    throw new Error(`failed to fetch ${url}: ${cause instanceof Error ? cause.message : (error as Error).message}`, { cause: error })
  }
}
