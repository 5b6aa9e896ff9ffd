// Structured logs: JSON lines by default, one readable line per record on a terminal. Values under the names of secrets never reach a line.
import { type DestinationStream, type Logger, pino } from 'pino'

export type { Logger } from 'pino'

const SECRET_NAMES = [
  'authorization',
  'apikey',
  'cookie',
  'password',
  'secret',
  'token',
  'access_token',
  'refresh_token',
  'jwt',
  'otp',
  'code_verifier',
]
const redactPaths = SECRET_NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`])

export interface LogOptions {
  /** `pretty` for people, `json` for machines. */
  readonly format: 'pretty' | 'json'
  readonly level: string
  readonly write: (line: string) => void
}

/** The root logger of a stack or of one served service. */
export function createLog(options: LogOptions): Logger {
  const destination: DestinationStream = {
    write: options.format === 'json' ? options.write : (line) => options.write(readableLine(line)),
  }
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redactPaths, censor: '[hidden]' },
    },
    destination,
  )
}

/** A logger that drops everything: for tests and for callers of the library that asked for silence. */
export const silentLog: Logger = pino({ level: 'silent' })

/** One record of JSON as a line for people. */
export function readableLine(line: string): string {
  const { level, time, service, msg, err, ...rest } = JSON.parse(line) as Record<string, unknown>
  const details = Object.keys(rest).length > 0 ? ` ${JSON.stringify(rest)}` : ''
  const stack = typeof err === 'object' && err !== null && 'stack' in err ? `\n${String(err.stack)}` : ''
  return `${String(time).slice(11, 23)} ${String(level).toUpperCase().padEnd(5)} ${String(service ?? 'stack').padEnd(9)} ${String(msg ?? '')}${details}${stack}\n`
}
