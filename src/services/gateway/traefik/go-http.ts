// Answers as Go's server writes them, and paths as Go's URLs clean them.
import { STATUS_CODES } from 'node:http'
import { type Answer, respond } from './answer.ts'
import { TEXT } from './flight.ts'

// Where Go's words differ from Node's.
const WORDS: ReadonlyMap<number, string> = new Map([
  [413, 'Request Entity Too Large'],
  [414, 'Request URI Too Long'],
  [416, 'Requested Range Not Satisfiable'],
  [418, "I'm a teapot"],
])

export function statusText(status: number): string {
  return WORDS.get(status) ?? STATUS_CODES[status] ?? ''
}

/** The status text alone, without a type or a line end. */
export function bareStatus(answer: Answer, status: number, lines: readonly string[] = []): void {
  respond(answer, status, statusText(status), lines)
}

/** Go's http.Error. */
export function httpError(answer: Answer, status: number, text = statusText(status)): void {
  respond(answer, status, `${text}\n`, TEXT)
}

/** An escaped path as bytes, one character each. */
export function decodePath(path: string): string {
  return path.includes('%') ? path.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))) : path
}

export const bytesOfText = (text: string): string => (/[^\x00-\x7f]/.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text)

/** Go's URL.JoinPath() on a decoded path: dot segments resolved, slashes merged, a final slash kept. */
export function cleanPath(path: string): string {
  const kept: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue
    if (segment === '..') kept.pop()
    else kept.push(segment)
  }
  const clean = `/${kept.join('/')}`
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean
}

export const withSlash = (path: string): string => (path === '' || path.startsWith('/') ? path : `/${path}`)

/** How many characters of an escaped path stand for the first `decodedLength` bytes. */
export function escapedLength(path: string, decodedLength: number): number {
  let at = 0
  for (let decoded = 0; at < path.length && decoded < decodedLength; decoded++) at += path[at] === '%' && at + 2 < path.length ? 3 : 1
  return at
}

/** Traefik's ranges of status codes (`500-599`, `404`). Throws Error. */
export function statusRanges(items: readonly string[]): (status: number) => boolean {
  const ranges = items.map((item) => {
    const [from, to = from, ...more] = item.split('-').map((part) => (/^\s*\d{3}\s*$/.test(part) ? Number(part) : Number.NaN))
    if (from === undefined || Number.isNaN(from) || Number.isNaN(to) || more.length > 0)
      throw new Error(`invalid status code range ${item}`)
    return [from, to!] as const
  })
  return (status) => ranges.some(([from, to]) => status >= from && status <= to)
}

/** Go's way to write a duration: `1h0m0s`, `1.5s`, `20ms`. */
export function goDuration(ms: number): string {
  if (ms === 0) return '0s'
  if (ms < 1) return `${trim(ms * 1000)}µs`
  if (ms < 1000) return `${trim(ms)}ms`
  const seconds = ms / 1000
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  const rest = `${trim(seconds - hours * 3600 - minutes * 60)}s`
  if (hours > 0) return `${hours}h${minutes}m${rest}`
  return minutes > 0 ? `${minutes}m${rest}` : rest
}

const trim = (value: number): string => String(Number(value.toFixed(9)))
