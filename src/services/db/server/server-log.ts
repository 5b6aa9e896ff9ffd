// The server's stderr as records of our log. Lines are kept for the moment when it fails.
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Logger } from '../../../log/log.ts'

const KEPT_LINES = 40
const LINE =
  /^(?<host>\S*) ?(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \S+) \[(?<pid>\d+)\] (?:(?<user>[^@ ]*)@(?<database>[^ ]*) )?(?<severity>[A-Z]+\d?): {2}(?<message>.*)$/

/** What every stop and start brings with it. */
const EXPECTED = /^(terminating connection due to administrator command|the database system is (starting up|shutting down))/

const LEVELS: Readonly<Record<string, 'error' | 'warn' | 'info' | 'debug'>> = {
  PANIC: 'error',
  FATAL: 'warn',
  ERROR: 'warn',
  WARNING: 'warn',
  LOG: 'info',
}

export interface ServerLine {
  readonly level: 'error' | 'warn' | 'info' | 'debug'
  readonly message: string
  readonly details: Readonly<Record<string, string | number>>
}

/** Undefined for a line that continues the one before. */
export function parseServerLine(line: string): ServerLine | undefined {
  const { host, pid, user, database, severity, message } = LINE.exec(line)?.groups ?? {}
  if (severity === undefined || message === undefined) return undefined
  return {
    level: EXPECTED.test(message) ? 'debug' : (LEVELS[severity] ?? 'debug'),
    message: severity in LEVELS ? message : `${severity.toLowerCase()}: ${message}`,
    details: {
      pid: Number(pid),
      ...(user && user !== '[unknown]' ? { user } : {}),
      ...(database && database !== '[unknown]' ? { database } : {}),
      ...(host && host !== '[local]' ? { from: host } : {}),
    },
  }
}

export function readServerLog(stream: Readable, log: Logger, lastLines: string[]): void {
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
    lastLines.push(line)
    if (lastLines.length > KEPT_LINES) lastLines.shift()
    const parsed = parseServerLine(line)
    if (parsed) log[parsed.level](parsed.details, parsed.message)
    else if (line.trim() !== '') log.debug(line)
  })
}
