// The target of a request line and its Host, checked: what is no plain path or names two hosts is refused before any routing.
import type { ErrorName } from './errors.ts'
import type { Target } from './exchange.ts'
import { normalisePath } from './path.ts'

/** nginx's line buffer: a longer request line is 414. */
export const MAX_URL_BYTES = 8 * 1024
/** Longer header lines are refused, as nginx's buffers do. */
const MAX_HEADER_LINE_BYTES = 16 * 1024
const MAX_HEADERS = 100

// What may stand in a Host header: a name, an address, a port. No slash, no blank, no two dots.
const HOST = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:/\\@?#[\]<>"^`{|}\x00-\x20\x7f]+)(?::\d{1,5})?$/

// Services that read headers as variables take these for the ones that frame the message.
const AMBIGUOUS = /^(?:transfer_encoding|content_length)$/i

/** The parts of the target, or the name of the error that it is answered with. */
export function readTarget(method: string, url: string, rawHeaders: readonly string[], httpVersion: string): Target | ErrorName {
  if (method === 'CONNECT' || method === 'TRACE') return 'notAllowed'
  if (url.length > MAX_URL_BYTES) return 'uriTooLong'
  if (rawHeaders.length > MAX_HEADERS * 2) return 'headersTooLarge'
  let host: string | undefined
  // Node hands a request over before it finds that it cannot tell where the body ends.
  let chunked = false
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    if (name.length + rawHeaders[i + 1]!.length > MAX_HEADER_LINE_BYTES) return 'headersTooLarge'
    if ((name.length === 17 || name.length === 14) && AMBIGUOUS.test(name)) return 'badRequest'
    if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      if (chunked || httpVersion === '1.0' || rawHeaders[i + 1]!.toLowerCase() !== 'chunked') return 'badRequest'
      chunked = true
    }
    if (name.length !== 4 || name.toLowerCase() !== 'host') continue
    if (host !== undefined) return 'badRequest'
    host = rawHeaders[i + 1]!
  }
  if (host === undefined && httpVersion !== '1.0') return 'badRequest'
  if (host !== undefined && host !== '' && (!HOST.test(host) || host.includes('..'))) return 'badRequest'
  let rest = url
  if (!url.startsWith('/')) {
    const absolute = /^https?:\/\/([^/?#]+)(.*)$/i.exec(url)
    if (!absolute || !HOST.test(absolute[1]!)) return 'badRequest'
    host = absolute[1]!
    rest = absolute[2]!.startsWith('/') ? absolute[2]! : `/${absolute[2]!}`
  }
  const mark = rest.indexOf('?')
  const rawPath = mark < 0 ? rest : rest.slice(0, mark)
  // A fragment belongs to the client; a NUL ends a path for some services and not for others.
  if (rest.includes('#') || rawPath.includes('%00')) return 'badRequest'
  return { rawPath, path: normalisePath(rawPath), query: mark < 0 ? '' : escapeQuery(rest.slice(mark)), host: host ?? '' }
}

/** Bytes outside of ASCII may not stand in a URL. */
function escapeQuery(query: string): string {
  if (!/[^\x21-\x7e]/.test(query)) return query
  return query.replace(/[^\x21-\x7e]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}
