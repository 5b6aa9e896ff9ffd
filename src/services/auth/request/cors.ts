// CORS: every origin may call; the tokens it needs are not cookies.
import type { IncomingHttpHeaders } from 'node:http'

const ALLOWED_HEADERS = [
  'Accept',
  'Authorization',
  'Content-Type',
  'X-Client-IP',
  'X-Client-Info',
  'X-JWT-AUD',
  'x-use-cookie',
  'X-Supabase-Api-Version',
]
const METHODS = 'GET, POST, PUT, PATCH, DELETE'

/** Headers of every answer to a browser's request. */
export const corsHeaders = (origin: string | undefined): Record<string, string> =>
  origin === undefined
    ? {}
    : {
        'access-control-allow-origin': '*',
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': 'X-Total-Count, Link, X-Supabase-Api-Version',
        vary: 'Origin',
      }

export function preflight(headers: IncomingHttpHeaders, further: readonly string[]): Record<string, string> {
  const allowed = new Set([...ALLOWED_HEADERS, ...further].map((name) => name.toLowerCase()))
  const asked = String(headers['access-control-request-headers'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  const granted = asked.every((name) => allowed.has(name.toLowerCase())) ? asked : []
  return {
    'access-control-allow-methods': METHODS,
    ...(granted.length > 0 ? { 'access-control-allow-headers': granted.join(', ') } : {}),
    vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
  }
}
