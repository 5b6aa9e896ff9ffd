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
    write: (line) => {
      const hidden = hideUrlPasswords(line)
      options.write(options.format === 'json' ? hidden : readableLine(hidden))
    },
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

// Libraries put whole connection strings into their errors (`input` of ERR_INVALID_URL).
const hideUrlPasswords = (line: string): string =>
  line.includes('://') ? line.replace(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/?#"@]*):[^\s"/@]+@/gi, '$1:[hidden]@') : line

/** One record of JSON as a line for people. */
export function readableLine(line: string): string {
  const record = recordOf(line)
  if (record === undefined) return `${line.trimEnd()}\n`
  const { level, time, service, msg, err, ...rest } = record
  const details = Object.keys(rest).length > 0 ? ` ${JSON.stringify(rest)}` : ''
  const stack = typeof err === 'object' && err !== null && 'stack' in err ? `\n${String(err.stack)}` : ''
  return `${String(time).slice(11, 23)} ${String(level).toUpperCase().padEnd(5)} ${String(service ?? 'stack').padEnd(9)} ${String(msg ?? '')}${details}${stack}\n`
}

/** The record that a line holds; nothing for one that was torn by a crash or a full disk. */
export function recordOf(line: string): Record<string, unknown> | undefined {
  try {
    const record: unknown = JSON.parse(line)
    return typeof record === 'object' && record !== null ? (record as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
