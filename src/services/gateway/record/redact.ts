// What no log may show: values of headers and parameters in which credentials travel.

/** Beside the names that the plugins of a file read their credentials from. */
export const SECRET_NAMES = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'apikey',
  'jwt',
  'token',
  'access_token',
  'refresh_token',
  'api_key',
  'password',
  'secret',
] as const

export const REDACTED = 'REDACTED'

/** A query, with its question mark or empty, without the values of secret parameters. Names are compared decoded, in any case. */
export function redactQuery(query: string, secretNames: ReadonlySet<string>): string {
  if (query.length < 2) return query
  const parts = query.slice(1).split('&')
  return `?${parts
    .map((part) => {
      const equals = part.indexOf('=')
      return equals >= 0 && secretNames.has(decodedName(part.slice(0, equals))) ? `${part.slice(0, equals)}=${REDACTED}` : part
    })
    .join('&')}`
}

function decodedName(written: string): string {
  const plain = written.replaceAll('+', ' ')
  if (!plain.includes('%')) return plain.toLowerCase()
  return plain.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))).toLowerCase()
}
