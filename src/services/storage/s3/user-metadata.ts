// User metadata: `x-amz-meta-` headers on the way in and out, one JSON object in the row.
import type { IncomingHttpHeaders } from 'node:http'

const PREFIX = 'x-amz-meta-'

/** Undefined where there is none. */
export function userMetadataOf(headers: IncomingHttpHeaders | ReadonlyMap<string, string>): Record<string, string> | undefined {
  const entries = headers instanceof Map ? [...headers] : Object.entries(headers)
  const found = entries.filter(([name, value]) => name.startsWith(PREFIX) && name.length > PREFIX.length && typeof value === 'string')
  return found.length === 0 ? undefined : Object.fromEntries(found.map(([name, value]) => [name.slice(PREFIX.length), String(value)]))
}

/** What no header can carry is counted, as S3 does. */
export function metadataHeaders(metadata: Readonly<Record<string, unknown>> | null): Record<string, string> {
  const headers: Record<string, string> = {}
  let missing = 0
  for (const [name, value] of Object.entries(metadata ?? {})) {
    if (/^[\w!#$%&'*+.^`|~-]+$/.test(name) && typeof value === 'string' && /^[\t\x20-\x7e]*$/.test(value))
      headers[PREFIX + name.toLowerCase()] = value
    else missing += 1
  }
  if (missing > 0) headers['x-amz-missing-meta'] = String(missing)
  return headers
}
