// What is logged of requests, by PGRST_LOG_LEVEL: lines in the combined format, the SQL where that is asked for, and the errors of the server.
import type { IncomingMessage } from 'node:http'
import type { Logger } from '../../log/log.ts'
import type { LogLevel } from './config.ts'

/** Of errors that come in bursts one line in this time is enough. */
const QUIET_MS = 5_000
const LOWEST_STATUS: Readonly<Record<LogLevel, number>> = { crit: 1_000, error: 500, warn: 400, info: 0, debug: 0 }

export class RequestLog {
  /** Replaced by a reload. */
  level: LogLevel = 'error'
  readonly #print: (line: string) => void
  readonly #log: Logger
  #timeoutToldAt = 0

  constructor(log: Logger, print: (line: string) => void) {
    this.#log = log
    this.#print = print
  }

  wants(status: number): boolean {
    return status >= LOWEST_STATUS[this.level]
  }

  /** One request, when it was answered. */
  answered(req: IncomingMessage, role: string | undefined, status: number, bytes: number | undefined): void {
    const { method = '-', url = '-', httpVersion, headers, socket } = req
    const { referer = '', 'user-agent': agent = '' } = headers
    this.#print(
      `${socket.remoteAddress ?? '-'} - ${plain(role ?? '-')} [${timeStamp(new Date())}] "${method} ${plain(url)} HTTP/${httpVersion}" ${status} ${bytes ?? '-'} "${plain(referer)}" "${plain(agent)}"`,
    )
  }

  /** The texts of the statements, one line each; values are parameters and do not show. */
  queries(texts: readonly string[]): void {
    for (const text of texts) this.#log.info(text.replace(/\s*\n\s*/g, ' '))
  }

  /** An error that is not the caller's: the body that was answered. */
  failed(code: string, body: string): void {
    if (this.level === 'crit') return
    if (code === 'PGRST003') {
      if (Date.now() - this.#timeoutToldAt < QUIET_MS) return
      this.#timeoutToldAt = Date.now()
    }
    this.#log.error(body)
  }
}

// What arrives over HTTP may hold quotes and bytes beyond ASCII; a line of the log stays one line with its fields.
const plain = (text: string): string =>
  text.replace(/[^\x20-\x7e]|["\\]/g, (letter) =>
    letter === '"' || letter === '\\' ? `\\${letter}` : `\\x${letter.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `24/Nov/2026:00:10:00 +0000`, in the time zone of the process. */
export function timeStamp(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const offset = -date.getTimezoneOffset()
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.trunc(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`
  return `${two(date.getDate())}/${MONTHS[date.getMonth()]}/${date.getFullYear()}:${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${zone}`
}
