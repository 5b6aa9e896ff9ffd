// Which Host a client has signed: it knows the public address, and this service sees what a proxy says of it. Upstream's choice comes
// first; the others are tried after it, so that a proxy that tells a port wrongly does not spoil a signature.
import type { IncomingHttpHeaders } from 'node:http'

export interface HostRules {
  readonly publicUrl: URL | undefined
  /** `Forwarded: host=` is believed. */
  readonly allowForwarded: boolean
  /** A header, in lower case, that carries the host. */
  readonly header: string | undefined
}

export function signedHosts(headers: IncomingHttpHeaders, rules: HostRules): string[] {
  const hosts: (string | undefined)[] = [rules.publicUrl?.host]
  if (rules.allowForwarded) hosts.push(/host="?([^",;\s]+)/i.exec(one(headers['forwarded']) ?? '')?.[1])
  if (rules.header !== undefined) hosts.push(one(headers[rules.header]))
  const forwarded = first(one(headers['x-forwarded-host']))
  if (forwarded !== undefined) {
    const port = first(one(headers['x-forwarded-port']))
    if (port !== undefined && /^\d{1,5}$/.test(port) && port !== '443' && port !== '80')
      hosts.push(`${forwarded.replace(/:\d+$/, '')}:${port}`)
    hosts.push(forwarded)
  }
  hosts.push(headers.host)
  const known = new Set<string>()
  for (const host of hosts) {
    if (!host) continue
    known.add(host.toLowerCase())
    // Some clients sign the port of the scheme, others leave it out.
    known.add(host.toLowerCase().replace(/:(?:80|443)$/, ''))
  }
  return [...known]
}

const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value)
const first = (value: string | undefined): string | undefined => value?.split(',', 1).join('').trim() || undefined
