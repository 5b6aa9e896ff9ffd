// Where the links in mails point: API_EXTERNAL_URL, unless the request came by another host that the operator has named. No other
// header decides about a link.
import type { IncomingHttpHeaders } from 'node:http'

export function externalUrl(headers: IncomingHttpHeaders, configured: string, accepted: readonly string[]): string {
  if (accepted.length === 0) return configured
  const forwarded = headers['x-forwarded-host']
  const host = (Array.isArray(forwarded) ? forwarded[0] : forwarded)?.trim()
  if (!host || !accepted.includes(host)) return configured
  const plain = host === 'localhost' && headers['x-forwarded-proto'] === 'http'
  return `${plain ? 'http' : 'https'}://${host}`
}
