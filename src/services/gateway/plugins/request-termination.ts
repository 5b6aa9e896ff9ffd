// Answers instead of the service. Upstream: Kong's `request-termination`.
import { z } from 'zod'
import { readWholeBody } from '../body.ts'
import { between, text } from '../config/fields.ts'
import { type Refusal, refusal } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import { definePlugin } from '../plugin.ts'

const DEFAULT_MESSAGES: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  404: 'Not found',
  405: 'Method not allowed',
  500: 'An unexpected error occurred',
  502: 'Bad Gateway',
  503: 'Service unavailable',
}

export const requestTermination = definePlugin({
  name: 'request-termination',
  priority: 2,
  config: z
    .strictObject({
      status_code: between(100, 599).default(503),
      message: text.optional(),
      content_type: text.optional(),
      body: text.optional(),
      echo: z.boolean().default(false),
      trigger: text.optional(),
    })
    .refine(
      (c) => c.message === undefined || (c.content_type === undefined && c.body === undefined),
      'message cannot be used with content_type or body',
    )
    .refine((c) => c.content_type === undefined || c.body !== undefined, 'content_type requires a body'),
  access: ({ status_code, message, content_type, body, echo, trigger }) => {
    const header = trigger?.toLowerCase()
    return (exchange) => {
      if (trigger !== undefined && header !== undefined && !exchange.headers.has(header) && !exchange.query.has(trigger)) return undefined
      if (echo) return echoed(exchange, status_code, message ?? DEFAULT_MESSAGES[status_code])
      if (body !== undefined)
        return { status: status_code, body, contentType: content_type ?? 'application/json; charset=utf-8', headers: [] }
      const said = message ?? DEFAULT_MESSAGES[status_code]
      if (said === undefined) return { status: status_code, body: '', contentType: undefined, headers: [] }
      return refusal(status_code, said, 'exit', exchange.asked)
    }
  },
})

/** What arrived and where it was going, for whoever debugs a file. */
async function echoed(exchange: Exchange, status: number, message: string | undefined): Promise<Refusal> {
  const raw = await readWholeBody(exchange)
  if (raw === undefined) return exchange.fail('tooLarge')
  const { client, target, clientMethod, headers, route } = exchange
  const parameters = new Map<string, unknown>()
  for (const { name } of exchange.query.entries()) {
    const values = exchange.query.all(name).map((value) => value ?? true)
    parameters.set(name, values.length > 1 ? values : values[0])
  }
  const lines = new Map(headers.keys().map((key) => [key, headers.lookup(key)]))
  const colon = target.host.lastIndexOf(':')
  const request = {
    scheme: client.scheme,
    host: colon > 0 && !target.host.endsWith(']') ? target.host.slice(0, colon) : target.host,
    port: client.port,
    headers: Object.fromEntries(lines),
    query: Object.fromEntries(parameters),
    raw_body: raw.toString('utf8'),
    method: clientMethod,
    path: target.rawPath,
  }
  const body = JSON.stringify({ message, request, matched_route: route.entity, matched_service: route.service?.entity })
  return { status, body, contentType: 'application/json; charset=utf-8', headers: [] }
}
