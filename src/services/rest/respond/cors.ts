// Cross-origin requests: which origins are let in, and what a preflight is told.
import type { IncomingMessage, ServerResponse } from 'node:http'

const EXPOSED = 'Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, Transfer-Encoding, Range-Unit'
const METHODS = 'GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD'

/** Headers for a request with an `Origin`; `origins` undefined lets every one in. */
export function corsHeaders(origin: string, origins: readonly string[] | undefined): [string, string][] {
  const exposed: [string, string] = ['Access-Control-Expose-Headers', EXPOSED]
  if (origins === undefined) return [['Access-Control-Allow-Origin', '*'], exposed]
  if (!origins.includes(origin)) return []
  return [['Access-Control-Allow-Origin', origin], ['Access-Control-Allow-Credentials', 'true'], exposed]
}

/** Answers a preflight; false when the request is none. */
export function answerPreflight(req: IncomingMessage, res: ServerResponse, origins: readonly string[] | undefined): boolean {
  const { origin } = req.headers
  if (req.method !== 'OPTIONS' || origin === undefined || req.headers['access-control-request-method'] === undefined) return false
  const headers = corsHeaders(origin, origins).filter(([name]) => name !== 'Access-Control-Expose-Headers')
  if (headers.length > 0) {
    const requested = req.headers['access-control-request-headers']
    const wanted = requested === undefined ? [] : requested.split(',').map((name) => name.trim())
    headers.push(
      ['Access-Control-Allow-Methods', METHODS],
      ['Access-Control-Allow-Headers', ['Authorization', ...wanted, 'Accept', 'Accept-Language', 'Content-Language'].join(', ')],
      ['Access-Control-Max-Age', '86400'],
    )
  }
  res.writeHead(200, [...headers, ['Content-Length', '0']].flat())
  res.end()
  return true
}
