// Messages that come by HTTP, on their way to a topic: who may send them, and how they go out.
import { type ProbeError, writable } from '../authorization/probe.ts'
import { broadcastPayload, TextFanout, UserFanout } from '../socket/server-frame.ts'
import type { Tenant } from '../tenants/tenant.ts'
import type { VerifiedToken } from '../token/verify.ts'

export interface Sender {
  readonly tenant: Tenant
  readonly token: VerifiedToken
  /** JSON of the request's headers, for policies. */
  readonly headers: string
}

/** Rejects with ProbeError. */
export const maySend = ({ tenant, token, headers }: Sender, topic: string): Promise<boolean> =>
  tenant.timed('write', writable(tenant.databaseOrThrow(), { topic, token, headers }, 'broadcast'))

/** `payload` and `meta` are JSON text. */
export function sendText(tenant: Tenant, topicName: string, isPrivate: boolean, event: string, payload: string, meta?: string): void {
  tenant.rates.events.add()
  const text = broadcastPayload(event, payload, meta)
  const topic = tenant.topic(topicName, isPrivate)
  tenant.broadcast(topic, new TextFanout(topic.name, 'broadcast', text), Buffer.byteLength(payload))
  tenant.share({ kind: 'text', topic, event: '', data: text })
  tenant.forgetIfEmpty(topic)
}

export function sendUser(tenant: Tenant, topicName: string, isPrivate: boolean, event: string, json: boolean, data: Buffer): void {
  tenant.rates.events.add()
  const topic = tenant.topic(topicName, isPrivate)
  tenant.broadcast(topic, new UserFanout(topic.name, { event, json, data }), data.length)
  tenant.share({ kind: json ? 'json' : 'binary', topic, event, data })
  tenant.forgetIfEmpty(topic)
}

export interface Unasked {
  readonly status: number
  readonly message: string
}

/** Upstream's words for a question about rights that could not be asked. */
export function unasked({ failure }: ProbeError): Unasked {
  switch (failure) {
    case 'policy':
      return { status: 422, message: 'RLS policy error' }
    case 'canceled':
      return { status: 422, message: 'Query canceled' }
    case 'partition':
      return { status: 422, message: 'Missing messages partition' }
    case 'pool':
      return { status: 429, message: 'Connection pool exhausted' }
    default:
      return { status: 422, message: 'Tenant database unavailable' }
  }
}
