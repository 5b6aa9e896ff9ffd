// The access log: one line per request, common format or JSON, to a file or stdout. Upstream: pkg/middlewares/accesslog.
import { createWriteStream, type WriteStream } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Logger } from '../../../../log/log.ts'
import type { HeaderTable } from '../../header-table.ts'
import type { AccessLogConfig } from '../config/static.ts'
import { statusRanges } from '../go-http.ts'
import type { Observation, Watcher } from './observer.ts'

type Fields = Record<string, string | number | null>
type Mode = 'keep' | 'drop' | 'redact'

// Lines that wait for a slow disk: beyond this they are dropped rather than kept in memory.
const MAX_WAITING_BYTES = 8 * 1024 * 1024
// What the log never shows unless told to.
const SECRET = /^(?:authorization|cookie|set-cookie|apikey|x-api-key|proxy-authorization)$/

export class AccessLog implements Watcher {
  readonly #config: AccessLogConfig
  readonly #write: (line: string) => void
  readonly #stream: WriteStream | undefined
  readonly #wantedStatus: ((status: number) => boolean) | undefined

  /** Throws Error for a file that cannot be written. */
  static async open(config: AccessLogConfig, log: Logger): Promise<AccessLog> {
    if (config.filePath === '') return new AccessLog(config, (line) => log.info({ accessLog: line }, 'request'), undefined)
    await mkdir(dirname(config.filePath), { recursive: true })
    await (await open(config.filePath, 'a', 0o640)).close()
    const stream = createWriteStream(config.filePath, { flags: 'a' })
    // A full disk fails no request.
    stream.on('error', (error) => log.warn({ code: (error as NodeJS.ErrnoException).code }, 'the access log cannot be written'))
    const write = (line: string) => {
      if (stream.writableLength < MAX_WAITING_BYTES) stream.write(`${line}\n`)
    }
    return new AccessLog(config, write, stream)
  }

  private constructor(config: AccessLogConfig, write: (line: string) => void, stream: WriteStream | undefined) {
    this.#config = config
    this.#write = write
    this.#stream = stream
    const codes = config.filters?.statusCodes ?? []
    this.#wantedStatus = codes.length > 0 ? statusRanges(codes) : undefined
  }

  over(observation: Observation): void {
    const { route, flight, answer } = observation
    if (route && !route.accessLogs && !(this.#config.addInternals && route.name.endsWith('@internal'))) return
    const { filters, format } = this.#config
    const wanted =
      !filters ||
      (!this.#wantedStatus && !filters.retryAttempts && filters.minDuration === 0) ||
      (this.#wantedStatus?.(answer.status) ?? false) ||
      (filters.retryAttempts && flight.notes.retries > 0) ||
      (filters.minDuration > 0 && observation.durationMs > filters.minDuration)
    if (!wanted) return
    const fields = this.#kept(fieldsOf(observation))
    if (format === 'json') {
      this.#headers(fields, 'request_', flight.headers)
      if (answer.headers) this.#headers(fields, 'downstream_', answer.headers)
      this.#write(JSON.stringify({ ...fields, level: 'info', msg: '', time: new Date().toISOString().replace(/\.\d+Z$/, 'Z') }))
    } else this.#write(commonLine(fields, observation, format === 'genericCLF'))
  }

  close(): Promise<void> {
    const stream = this.#stream
    if (!stream || stream.closed || stream.errored) return Promise.resolve()
    return new Promise((resolve) => {
      stream.once('close', resolve)
      stream.once('error', () => resolve())
      stream.end()
    })
  }

  #kept(fields: Fields): Fields {
    const given = this.#config.fields
    if (!given) return fields
    const names = new Map(Object.entries(given.names).map(([name, mode]) => [name.toLowerCase(), mode]))
    return Object.fromEntries(Object.entries(fields).filter(([name]) => (names.get(name.toLowerCase()) ?? given.defaultMode) === 'keep'))
  }

  #headers(fields: Fields, prefix: string, table: HeaderTable): void {
    const given = this.#config.fields?.headers
    if (!given) return
    const names = new Map(Object.entries(given.names).map(([name, mode]) => [name.toLowerCase(), mode as Mode]))
    for (const key of new Set(table.keys())) {
      const mode = names.get(key) ?? (SECRET.test(key) && given.defaultMode === 'keep' ? 'redact' : (given.defaultMode as Mode))
      const name = key.replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase())
      if (mode === 'keep') fields[prefix + name] = table.all(key).join(',')
      else if (mode === 'redact') fields[prefix + name] = 'REDACTED'
    }
  }
}

function fieldsOf({ flight, answer, route, startedAt, durationMs, number, asked }: Observation): Fields {
  const { notes, req } = flight
  const nanoseconds = (ms: number) => Math.round(ms * 1e6)
  const [, name = asked.host, port = '-'] = /^(.*?)(?::(\d+))?$/.exec(asked.host) ?? []
  const fields: Fields = {
    ClientAddr: `${flight.peer.includes(':') ? `[${flight.peer}]` : flight.peer}:${flight.peerPort}`,
    ClientHost: flight.headers.get('x-forwarded-for') ?? flight.peer,
    ClientPort: String(flight.peerPort),
    ClientUsername: notes.clientUser ?? '-',
    DownstreamContentSize: answer.bytes,
    DownstreamStatus: answer.status || 499,
    Duration: nanoseconds(durationMs),
    Overhead: nanoseconds(Math.max(0, durationMs - (notes.originMs ?? 0))),
    RequestAddr: asked.host,
    RequestContentSize: Number(req.headers['content-length'] ?? 0),
    RequestCount: number,
    RequestHost: name,
    RequestMethod: asked.method,
    RequestPath: `${asked.path}${asked.query}`,
    RequestPort: port,
    RequestProtocol: `HTTP/${req.httpVersion}`,
    RequestScheme: flight.secure ? 'https' : 'http',
    RetryAttempts: notes.retries,
    StartLocal: startedAt.toISOString(),
    StartUTC: startedAt.toISOString(),
    entryPointName: flight.entryPoint,
  }
  if (route) fields['RouterName'] = route.name
  const service = notes.service ?? route?.serviceName
  if (service) fields['ServiceName'] = service
  if (notes.serverUrl !== undefined) fields['ServiceURL'] = notes.serverUrl
  if (notes.serverAddress !== undefined) fields['ServiceAddr'] = notes.serverAddress
  if (notes.originStatus !== undefined) {
    fields['OriginStatus'] = notes.originStatus
    fields['OriginContentSize'] = notes.originBytes
    fields['OriginDuration'] = nanoseconds(notes.originMs ?? durationMs)
    if (answer.bytes > 0 && notes.originBytes !== answer.bytes) fields['GzipRatio'] = notes.originBytes / answer.bytes
  }
  return fields
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

function commonLine(fields: Fields, { startedAt, flight, durationMs }: Observation, generic: boolean): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const date = `${two(startedAt.getUTCDate())}/${MONTHS[startedAt.getUTCMonth()]}/${startedAt.getUTCFullYear()}:${two(startedAt.getUTCHours())}:${two(startedAt.getUTCMinutes())}:${two(startedAt.getUTCSeconds())} +0000`
  const plain = (name: string) => clean(fields[name]) || '-'
  const quoted = (value: unknown) => `"${clean(value).replaceAll('"', '\\"') || '-'}"`
  const line = `${plain('ClientHost')} - ${plain('ClientUsername')} [${date}] "${plain('RequestMethod')} ${plain('RequestPath')} ${plain('RequestProtocol')}" ${plain('DownstreamStatus')} ${plain('DownstreamContentSize')} ${quoted(flight.req.headers.referer)} ${quoted(flight.req.headers['user-agent'])}`
  if (generic) return line
  return `${line} ${plain('RequestCount')} ${quoted(fields['RouterName'])} ${quoted(fields['ServiceURL'])} ${Math.floor(durationMs)}ms`
}

/** One line per request: nothing that a client sends begins another. */
const clean = (value: unknown): string => String(value ?? '').replace(/[\x00-\x1f\x7f]/g, ' ')
