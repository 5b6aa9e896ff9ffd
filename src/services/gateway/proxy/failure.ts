// What went wrong on the way to a service, as one of the gateway's own errors.
import type { ErrorName } from '../errors.ts'

const TIMEOUTS = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT'])
const NAMES = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA', 'EAI_NONAME'])

/** The service said nothing for longer than its time-out. */
export class SilenceError extends Error {
  readonly code = 'ETIMEDOUT'
}

export function failureOf(error: unknown): ErrorName {
  for (const one of causes(error)) {
    const code = one.code ?? ''
    if (TIMEOUTS.has(code)) return 'upstreamTimeout'
    if (NAMES.has(code)) return 'noName'
  }
  return 'badUpstream'
}

/** The error, those it wraps, and those it gathers (one per address tried). */
function causes(error: unknown): NodeJS.ErrnoException[] {
  if (!(error instanceof Error)) return []
  const inner = error instanceof AggregateError ? error.errors.flatMap(causes) : []
  return [error, ...inner, ...causes(error.cause)]
}
