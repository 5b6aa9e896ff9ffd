// Every answer that the gateway makes itself, and the four shapes in which it can be written. The table is the documentation.

export const errors = {
  noRoute: { status: 404, message: 'no Route matched with those values', maker: 'exit' },
  noService: { status: 503, message: 'no Service found with those values', maker: 'exit' },
  httpsOnly: { status: 426, message: 'Please use HTTPS protocol', maker: 'exit' },
  badRequest: { status: 400, message: 'Bad request', maker: 'proxy' },
  notAllowed: { status: 405, message: 'Method not allowed', maker: 'proxy' },
  requestTimeout: { status: 408, message: 'Request timeout', maker: 'proxy' },
  tooLarge: { status: 413, message: 'Payload too large', maker: 'proxy' },
  uriTooLong: { status: 414, message: 'URI too long', maker: 'proxy' },
  headersTooLarge: { status: 494, message: 'Request header or cookie too large', maker: 'proxy' },
  unexpected: { status: 500, message: 'An unexpected error occurred', maker: 'exit' },
  badUpstream: { status: 502, message: 'An invalid response was received from the upstream server', maker: 'proxy' },
  noPeer: { status: 503, message: 'failure to get a peer from the ring-balancer', maker: 'exit' },
  noName: { status: 503, message: 'name resolution failed', maker: 'exit' },
  upstreamTimeout: { status: 504, message: 'The upstream server is timing out', maker: 'proxy' },
} as const satisfies Record<string, { status: number; message: string; maker: Maker }>

export type ErrorName = keyof typeof errors

/**
 * Who makes an answer decides its shape. `exit`: compact JSON whatever the client accepts. `error`: by the Accept header, JSON
 * unless it says otherwise. `proxy`: by Accept, else by the request's own Content-Type, else plain text.
 */
export type Maker = 'exit' | 'error' | 'proxy'

/** An answer of the gateway instead of the service's. */
export interface Refusal {
  readonly status: number
  readonly body: string | Buffer
  readonly contentType: string | undefined
  /** Further header lines. */
  readonly headers: readonly (readonly [name: string, value: string])[]
}

const JSON_TYPE = 'application/json; charset=utf-8'

type Shape = 'json' | 'html' | 'plain' | 'xml'
const shapes: Readonly<Record<Shape, { type: string; write: (message: string) => string }>> = {
  json: { type: JSON_TYPE, write: (message) => `{\n  "message":${JSON.stringify(message)}\n}` },
  html: {
    type: 'text/html; charset=utf-8',
    write: (message) =>
      `<!doctype html>\n<html>\n<head><meta charset="utf-8"><title>Kong Error</title></head>\n<body>\n<h1>Kong Error</h1>\n<p>${escapeMarkup(message)}.</p>\n</body>\n</html>\n`,
  },
  plain: { type: 'text/plain; charset=utf-8', write: (message) => `${message}\n` },
  xml: {
    type: 'application/xml; charset=utf-8',
    write: (message) => `<?xml version="1.0" encoding="UTF-8"?>\n<error>\n<message>${escapeMarkup(message)}</message>\n</error>`,
  },
}

/** Which shape an Accept header asks for most; JSON when it names none of the four. */
export function shapeFor(accept: string): Shape {
  let best: Shape = 'json'
  let bestQuality = 0
  for (const item of accept.split(',')) {
    const [type = '', ...parameters] = item.trim().toLowerCase().split(';')
    const shape = shapeOf(type.trim())
    if (!shape) continue
    const q = parameters.map((parameter) => /^\s*q=([0-9.]+)/.exec(parameter)?.[1]).find((found) => found !== undefined)
    const quality = q === undefined ? 1 : Number(q)
    if (quality > bestQuality) {
      best = shape
      bestQuality = quality
    }
  }
  return best
}

function shapeOf(type: string): Shape | undefined {
  if (type === 'text/html') return 'html'
  if (type === 'text/plain') return 'plain'
  if (type === 'application/xml') return 'xml'
  if (type === 'application/json' || type === '*/*' || type === 'application/*') return 'json'
  return undefined
}

/** What the shape of an answer depends on. */
export interface Asked {
  readonly accept: string | undefined
  readonly contentType: string | undefined
}

export function refusal(
  status: number,
  message: string,
  maker: Maker,
  asked: Asked,
  headers: Refusal['headers'] = [],
  defaultType = 'text/plain',
): Refusal {
  if (maker === 'exit') return { status, body: JSON.stringify({ message }), contentType: JSON_TYPE, headers }
  const shape = shapes[shapeFor(asked.accept ?? (maker === 'proxy' ? (asked.contentType ?? defaultType) : '*/*'))]
  return { status, body: shape.write(message), contentType: shape.type, headers }
}

function escapeMarkup(text: string): string {
  return text.replace(/[<>&]/g, (char) => (char === '<' ? '&lt;' : char === '>' ? '&gt;' : '&amp;'))
}
