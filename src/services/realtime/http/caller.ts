// Who calls the HTTP API: a tenant's user by a token, or an administrator by one signed with the service's own secret.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { keySetFrom } from '../../../jwt/keys.ts'
import { JwtVerifier } from '../../../jwt/verifier.ts'
import type { RealtimeState } from '../state.ts'
import type { Tenant } from '../tenants/tenant.ts'
import { TokenRefused } from '../token/refusal.ts'
import type { VerifiedToken } from '../token/verify.ts'
import { answerJson } from './answer.ts'
import type { Exchange } from './app.ts'

/** The tenant of the host, with the headers of its rate on the answer; undefined when the request has been answered. */
export async function tenantOf({ req, res }: Exchange, state: RealtimeState): Promise<Tenant | undefined> {
  const tenant = await state.tenants.byHost(req.headers.host)
  if (tenant === undefined) {
    answerJson(res, 401, { message: 'Tenant not found in database' })
    return undefined
  }
  const { average, limit, tripped } = tenant.rates.events
  res.setHeader('x-rate-rolling', Math.round(average))
  res.setHeader('x-rate-limit', limit)
  res.setHeader('x-rate-limit-remaining', Math.max(0, Math.round(limit - average)))
  if (!tripped) return tenant
  answerJson(res, 429, { message: 'Too many requests' })
  return undefined
}

/** Undefined when the request has been answered with 401. */
export async function userOf({ req, res }: Exchange, tenant: Tenant): Promise<VerifiedToken | undefined> {
  const apikey = req.headers['apikey']
  const given = bearerOf(req) ?? (typeof apikey === 'string' && apikey !== '' ? apikey : undefined)
  try {
    if (given !== undefined) return await tenant.verifier.verify(given)
  } catch (error) {
    if (!(error instanceof TokenRefused)) throw error
  }
  answerJson(res, 401, { message: 'Unauthorized' })
  return undefined
}

export const bearerOf = (req: IncomingMessage): string | undefined => /^bearer +(\S+) *$/i.exec(req.headers.authorization ?? '')?.[1]

/** Checks tokens of the tenant API or of the metrics: any of the secrets, any claims, not expired, not blocked. */
export class SecretGate {
  readonly #verifiers: readonly JwtVerifier[]
  readonly #blocked: readonly Buffer[]

  constructor(secrets: readonly (string | undefined)[], blocked: readonly string[]) {
    this.#verifiers = secrets
      .filter((secret) => secret !== undefined)
      .map((secret) => new JwtVerifier(keySetFrom(secret, { secretAlgorithms: ['HS256', 'HS384', 'HS512'] }), { checkIssuedAt: false }))
    this.#blocked = blocked.map(digest)
  }

  async admits(req: IncomingMessage): Promise<boolean> {
    const token = bearerOf(req)
    if (token === undefined) return false
    const given = digest(token)
    if (this.#blocked.some((blocked) => timingSafeEqual(blocked, given))) return false
    for (const verifier of this.#verifiers) {
      const valid = await verifier.verify(token).then(
        () => true,
        () => false,
      )
      if (valid) return true
    }
    return false
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
