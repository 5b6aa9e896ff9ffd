// The access log (KONG_PROXY_ACCESS_LOG): one line per request in the forms of nginx and Kong, secrets of the query left out.
import { LineFile } from '../sinks/line-file.ts'
import type { TrafficRecord } from './record.ts'

export interface AccessLog {
  write(record: TrafficRecord): void
  flush(): Promise<void>
}

/** A value that names no such log. */
export class AccessLogError extends Error {}

type Format = (record: TrafficRecord) => string

const formats: ReadonlyMap<string, Format> = new Map([
  ['combined', combined],
  // Kong 3.x's own.
  ['kong_log_format', (record: TrafficRecord) => `${combined(record)} kong_request_id: "${record.exchange.id}"`],
  ['json', (record: TrafficRecord) => JSON.stringify(record)],
])

/** `off`, or a path and perhaps the name of a format. Undefined for no log. Throws AccessLogError. */
export function openAccessLog(setting: string, onTrouble: (error: unknown, dropped: number) => void): AccessLog | undefined {
  const [path = 'off', name = 'combined', ...rest] = setting.trim().split(/\s+/)
  if (path === 'off' || path === '') return undefined
  const format = formats.get(name)
  if (!format || rest.length > 0)
    throw new AccessLogError(
      `KONG_PROXY_ACCESS_LOG: expected off, or a path and one of ${[...formats.keys()].join(', ')}; got '${setting}'`,
    )
  const file = new LineFile(path, onTrouble)
  return { write: (record) => file.write(format(record)), flush: () => file.flush() }
}

/** https://nginx.org/en/docs/http/ngx_http_log_module.html */
function combined(record: TrafficRecord): string {
  const { exchange, status, uri } = record
  const { client, clientMethod, req } = exchange
  const length = Number(exchange.head?.headers.get('content-length') ?? Number.NaN)
  const bodyBytes = clientMethod === 'HEAD' ? 0 : Number.isFinite(length) ? length : record.responseBytes
  const protocol = `HTTP/${req.httpVersion}`
  return `${client.address} - - [${localTime(new Date())}] "${escaped(`${clientMethod} ${uri} ${protocol}`)}" ${status} ${bodyBytes} "${escaped(exchange.sent('referer') ?? '-')}" "${escaped(exchange.sent('user-agent') ?? '-')}"`
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const two = (n: number) => String(n).padStart(2, '0')

/** `23/Nov/2026:23:40:34 +0000` */
function localTime(at: Date): string {
  const offset = -at.getTimezoneOffset()
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`
  return `${two(at.getDate())}/${MONTHS[at.getMonth()]}/${at.getFullYear()}:${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())} ${zone}`
}

/** As nginx: what would break the line, or the quotes, as escapes. */
function escaped(text: string): string {
  return text.replace(
    /["\\\x00-\x1f\x7f-\uffff]/g,
    (char) => `\\x${(char.charCodeAt(0) & 0xff).toString(16).toUpperCase().padStart(2, '0')}`,
  )
}
