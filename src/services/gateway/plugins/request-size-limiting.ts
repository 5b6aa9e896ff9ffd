// Refuses bodies over a size: announced ones before they are read, the others where they pass it. Upstream: Kong's `request-size-limiting`.
import { z } from 'zod'
import { readWholeBody } from '../body.ts'
import { wholeNumber } from '../config/fields.ts'
import type { Exchange } from '../exchange.ts'
import { definePlugin } from '../plugin.ts'
import { announcesBody } from '../read-ahead.ts'

const UNITS = { megabytes: 1024 * 1024, kilobytes: 1024, bytes: 1 } as const

export const requestSizeLimiting = definePlugin({
  name: 'request-size-limiting',
  priority: 951,
  config: z.strictObject({
    allowed_payload_size: wholeNumber.default(128),
    size_unit: z.enum(['megabytes', 'kilobytes', 'bytes']).default('megabytes'),
    require_content_length: z.boolean().default(false),
  }),
  access: ({ allowed_payload_size, size_unit, require_content_length }) => {
    const maxBytes = allowed_payload_size * UNITS[size_unit]
    return (exchange) => {
      const announced = exchange.sent('content-length')
      if (announced !== undefined) return Number(announced) > maxBytes ? tooLarge(exchange) : undefined
      if (require_content_length) return exchange.refuse(411, 'A valid Content-Length header is required')
      if (!announcesBody(exchange.req)) return undefined
      return readWholeBody(exchange, maxBytes).then((body) => (body === undefined ? tooLarge(exchange) : undefined))
    }
  },
})

function tooLarge(exchange: Exchange) {
  const waits = exchange.sent('expect')?.toLowerCase() === '100-continue'
  // The rest of the body is not read: nothing on this connection can be taken for the next request.
  return exchange.refuse(waits ? 417 : 413, 'Request size limit exceeded', [['Connection', 'close']])
}
