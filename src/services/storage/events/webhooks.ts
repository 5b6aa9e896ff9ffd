// Events of objects and buckets, posted to WEBHOOK_URL in upstream's shape. Without that variable nothing is sent.
import type { Logger } from '../../../log/log.ts'
import type { Call } from '../caller/caller.ts'

export type EventType =
  | 'ObjectCreated:Put'
  | 'ObjectCreated:Post'
  | 'ObjectCreated:Copy'
  | 'ObjectCreated:Move'
  | 'ObjectRemoved:Delete'
  | 'ObjectRemoved:Move'
  | 'ObjectUpdated:Metadata'
  | 'Bucket:Created'
  | 'Bucket:Deleted'

export type UploadType = 'standard' | 's3' | 'resumable'

export interface EventPayload {
  readonly bucketId: string
  readonly name?: string
  readonly version?: string | null
  readonly metadata?: unknown
  readonly uploadType?: UploadType
  readonly oldObject?: { readonly name: string; readonly bucketId: string; readonly version?: string | null; readonly reqId?: string }
}

export interface Webhooks {
  /** Resolves when the receiver has answered or its time is over; never rejects: what happened has happened. */
  send(type: EventType, call: Call, payload: EventPayload): Promise<void>
}

export interface WebhookOptions {
  readonly url: string | undefined
  readonly apiKey: string | undefined
  readonly tenantId: string
  readonly region: string
  readonly log: Logger
}

const LIMIT_MS = 4_000

export function openWebhooks({ url, apiKey, tenantId, region, log }: WebhookOptions): Webhooks {
  if (url === undefined) return { send: async () => undefined }
  return {
    async send(type, { request }, payload) {
      const host = headerOf(request.headers, 'x-forwarded-host') ?? request.headers.host ?? ''
      const tenant = { ref: tenantId, host }
      const now = Date.now()
      const body = {
        type: 'Webhook',
        event: { $version: 'v1', type, region, applyTime: now, payload: { tenant, ...payload, reqId: request.id } },
        sentAt: new Date(now).toISOString(),
        tenant,
      }
      try {
        const answer = await fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...(apiKey && { authorization: `Bearer ${apiKey}` }) },
          body: JSON.stringify(body),
          signal: AbortSignal.timeout(LIMIT_MS),
        })
        await answer.body?.cancel()
        if (!answer.ok) throw new Error(`the receiver answered ${answer.status}`)
      } catch (error) {
        log.error({ err: error, event: type, bucket: payload.bucketId, name: payload.name }, 'a webhook could not be delivered')
      }
    },
  }
}

function headerOf(headers: Call['request']['headers'], name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}
