// Answers instead of the service. Upstream: Kong's `request-termination`.
import { z } from 'zod'
import { between, text } from '../config/fields.ts'
import { refusal } from '../errors.ts'
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
      if (echo) {
        const request = {
          method: exchange.method,
          path: exchange.target.rawPath,
          headers: Object.fromEntries(exchange.headers.keys().map((key) => [key, exchange.headers.get(key)])),
        }
        return {
          status: status_code,
          body: JSON.stringify({ message, request }),
          contentType: 'application/json; charset=utf-8',
          headers: [],
        }
      }
      if (body !== undefined)
        return { status: status_code, body, contentType: content_type ?? 'application/json; charset=utf-8', headers: [] }
      const said = message ?? DEFAULT_MESSAGES[status_code]
      if (said === undefined) return { status: status_code, body: '', contentType: undefined, headers: [] }
      return refusal(status_code, said, 'exit', exchange.asked)
    }
  },
})
