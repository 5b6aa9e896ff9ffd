// Who gets in: the tenant of the host, its token, its limits. The same for a WebSocket, a long poll and a listener by SSE.
import type { IncomingMessage } from 'node:http'
import type { RealtimeState } from '../state.ts'
import type { Tenant } from '../tenants/tenant.ts'
import { inHandshake, TokenRefused } from '../token/refusal.ts'
import type { VerifiedToken } from '../token/verify.ts'
import type { Version } from './client-frame.ts'

export class HandshakeRefused extends Error {
  readonly status: number
  readonly tenant: Tenant | undefined
  constructor(status: number, message: string, tenant?: Tenant) {
    super(message)
    this.name = 'HandshakeRefused'
    this.status = status
    this.tenant = tenant
  }
}

export interface Admitted {
  readonly tenant: Tenant
  readonly token: VerifiedToken
  /** JSON of the headers that policies may look at. */
  readonly headers: string
}

/** Rejects with HandshakeRefused. */
export async function admit(req: IncomingMessage, query: URLSearchParams, state: RealtimeState): Promise<Admitted> {
  const tenant = await state.tenants.byHost(req.headers.host)
  if (tenant === undefined) throw new HandshakeRefused(404, 'Tenant not found')
  const { suspend, maxConcurrentUsers } = tenant.record
  if (suspend) throw new HandshakeRefused(403, 'Realtime was disabled for this tenant', tenant)
  const token = await verify(tenant, tokenOf(req, query))
  if (tenant.connectedUsers >= maxConcurrentUsers) throw new HandshakeRefused(429, 'Too many connected users', tenant)
  if (tenant.rates.joins.tripped) throw new HandshakeRefused(429, 'Too many joins per second', tenant)
  return { tenant, token, headers: headersOf(req) }
}

async function verify(tenant: Tenant, given: string | undefined): Promise<VerifiedToken> {
  try {
    if (given === undefined) throw new TokenRefused({ kind: 'missing' })
    return await tenant.verifier.verify(given)
  } catch (error) {
    if (error instanceof TokenRefused) throw new HandshakeRefused(401, inHandshake(error.problem), tenant)
    throw error
  }
}

/** The header wins. White space is removed and escapes are undone: keys are copied from all kinds of places. */
function tokenOf(req: IncomingMessage, query: URLSearchParams): string | undefined {
  const header = req.headers['x-api-key']
  const given = (typeof header === 'string' && header !== '' ? header : query.get('apikey')) || undefined
  if (given === undefined) return undefined
  const plain = given.replace(/\s/g, '')
  try {
    return decodeURIComponent(plain)
  } catch {
    return plain // a percent sign that begins no escape: no token has one, and it is refused as such
  }
}

function headersOf(req: IncomingMessage): string {
  const given = Object.entries(req.headers).filter(([name]) => name.startsWith('x-') && name !== 'x-api-key')
  return JSON.stringify(Object.fromEntries(given))
}

/** Undefined: one that this service does not speak. */
export function versionOf(query: URLSearchParams): Version | undefined {
  const given = query.get('vsn')
  if (given === null) return 1
  const found = /^([12])\.0\.\d+$/.exec(given)
  return found === null ? undefined : (Number(found[1]) as Version)
}
