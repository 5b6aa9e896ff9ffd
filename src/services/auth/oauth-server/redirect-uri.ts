// Where a client may be sent back to: an absolute URI with a host, no fragment, and http only at home.

/** Schemes that a browser runs or opens instead of navigating to. */
const DANGEROUS = new Set(['javascript', 'data', 'file', 'vbscript', 'about', 'blob'])
const LOOPBACK = new Set(['localhost', '127.0.0.1', '::1'])
const URI = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]*)(:\d*)?(?=[/?#]|$)/

/** A sentence about what is wrong; undefined for one that may be registered. */
export function redirectUriProblem(uri: string): string | undefined {
  if (uri === '') return 'redirect URI cannot be empty'
  if (/[\u0000-\u001f\u007f]/.test(uri) || /%(?![0-9a-fA-F]{2})/.test(uri) || /^[^A-Za-z/?#.][^/]*:/.test(uri)) return 'invalid URL format'
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(uri)?.[1]
  const match = URI.exec(uri)
  const host = match?.[2]?.replace(/^\[(.*)\]$/, '$1') ?? ''
  if (scheme === undefined || !match || host + (match[3] ?? '') === '') return 'must have scheme and host'
  if (DANGEROUS.has(scheme.toLowerCase())) return `scheme '${scheme.toLowerCase()}' is not allowed for security reasons`
  if (scheme.toLowerCase() === 'http' && !LOOPBACK.has(host)) return 'HTTP scheme only allowed for localhost'
  if (/#./.test(uri)) return 'fragment not allowed in redirect URI'
  return undefined
}

/** What Go's `url.ParseRequestURI` takes: absolute, or a path. */
export const isRequestUri = (text: string): boolean => /^([A-Za-z][A-Za-z0-9+.-]*:|\/)/.test(text) && !/[\u0000-\u0020\u007f]/.test(text)
