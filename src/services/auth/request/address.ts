// The client's address: for sessions, the audit log, MFA challenges and captcha. Forwarded headers are taken as upstream takes them.
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'

/** The first valid address of `Sb-Forwarded-For` (where enabled), of `X-Forwarded-For`, else the socket's. */
export function clientAddress(headers: IncomingHttpHeaders, peer: string, trustSb: boolean): string {
  const named = trustSb ? firstAddress(headers['sb-forwarded-for']) : undefined
  return named ?? firstAddress(headers['x-forwarded-for']) ?? plain(peer)
}

function firstAddress(value: string | string[] | undefined): string | undefined {
  const list = (Array.isArray(value) ? value.join(',') : (value ?? '')).split(',')
  return list.map((item) => plain(item.trim())).find((item) => isIP(item) !== 0)
}

/** An IPv4 address in its IPv6 clothes is written as IPv4, so that both spellings are one client. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')
