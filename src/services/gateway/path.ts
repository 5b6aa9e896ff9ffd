// Paths: the one spelling by which a request is routed and judged, and the path that then goes to the service.
// What is matched is what is sent: no second parser sees another path.

const RESERVED = new Set("!#$%&'()*+,/:;=?@[]")
const UNRESERVED = /[A-Za-z0-9\-._~]/
// Anything that needs work: escapes, dot segments, empty segments, bytes that may not stand in a URL.
const NEEDS_WORK = /%|\/\/|\/\.|[^A-Za-z0-9\-._~!#$&'()*+,/:;=?@[\]]/

/** Decodes escapes of characters that are not reserved, resolves dot segments, merges slashes. `path` begins with a slash. */
export function normalisePath(path: string): string {
  if (!NEEDS_WORK.test(path)) return path
  return removeDotSegments(escapePath(decodeUnreserved(path)).replace(/\/{2,}/g, '/'))
}

function decodeUnreserved(path: string): string {
  if (!path.includes('%')) return path
  return path.replace(/%([0-9a-fA-F]{2})/g, (sent, hex: string) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16))
    return UNRESERVED.test(char) ? char : sent.toUpperCase()
  })
}

function removeDotSegments(path: string): string {
  if (!path.includes('/.')) return path
  const kept: string[] = []
  const segments = path.split('/').slice(1)
  for (const segment of segments) {
    if (segment === '..') kept.pop()
    else if (segment !== '.') kept.push(segment)
  }
  const last = segments.at(-1)
  const slash = (last === '.' || last === '..') && kept.length > 0
  return `/${kept.join('/')}${slash ? '/' : ''}`
}

/** Writes bytes that may not stand in a URL as escapes; characters above one byte as UTF-8. */
export function escapePath(path: string): string {
  if (!/[^A-Za-z0-9\-._~!#$&'()*+,/:;=?@[\]%]/.test(path)) return path
  let escaped = ''
  for (const char of path) {
    if (UNRESERVED.test(char) || RESERVED.has(char)) escaped += char
    else if (char.charCodeAt(0) < 0x80) escaped += percent(char.charCodeAt(0))
    // Node hands over a request line as latin1: one character is one byte.
    else if (char.length === 1 && char.charCodeAt(0) < 0x100) escaped += percent(char.charCodeAt(0))
    else for (const byte of Buffer.from(char)) escaped += percent(byte)
  }
  return escaped
}

const percent = (byte: number) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`

export interface PathRule {
  /** Path of the service; `/` when it has none. */
  readonly base: string
  readonly strip: boolean
  readonly handling: 'v0' | 'v1'
}

/** The path for the service. `matched` is how many characters of `path` the route matched. Reference: Kong's path_handling. */
export function upstreamPath({ base, strip, handling }: PathRule, path: string, matched: number): string {
  const rest = withoutLeadingDots(strip ? path.slice(matched) : path.slice(1))
  if (handling === 'v1') return base.endsWith('/') && rest.startsWith('/') ? base + rest.slice(1) : base + rest
  if (base.endsWith('/')) {
    if (!strip) return base + rest
    if (rest === '') return base === '/' || path.endsWith('/') ? base : base.slice(0, -1)
    return rest.startsWith('/') ? base + rest.slice(1) : base + rest
  }
  if (!strip) return rest === '' ? base : `${base}/${rest}`
  if (rest === '') return path.length > 1 && path.endsWith('/') ? `${base}/` : base
  return rest.startsWith('/') ? base + rest : `${base}/${rest}`
}

// What a prefix leaves may begin with dots that were none in the whole path: `/api..%2f` or `/api../x`.
function withoutLeadingDots(rest: string): string {
  let clean = rest
  while (clean.startsWith('./') || clean.startsWith('../')) clean = clean.slice(clean.indexOf('/') + 1)
  return clean === '.' || clean === '..' ? '' : clean
}
