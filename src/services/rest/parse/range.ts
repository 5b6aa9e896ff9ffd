// Row ranges: from `limit`, `offset` and the Range header to one window over the rows.
import { RestError } from '../errors.ts'
import type { Limits } from './query.ts'

/** Rows `offset` to `offset + limit - 1`; no limit means all of them. */
export interface Window {
  readonly offset: number
  readonly limit: number | undefined
}

export const ALL_ROWS: Window = { offset: 0, limit: undefined }

/** `Range: 0-9`, `5-`; `-5` and anything else does not count. */
export function parseRangeHeader(header: string | undefined): { first: number; last: number | undefined } | undefined {
  if (header === undefined) return undefined
  const found = /^(\d+)-(\d*)$/.exec(header.trim())
  if (!found) return undefined
  return { first: Number(found[1]), last: found[2] === '' ? undefined : Number(found[2]) }
}

/** The window that is asked for by parameters and header together. Throws PGRST103 when they leave nothing to ask for. */
export function windowOf(limits: Limits | undefined, header: { first: number; last: number | undefined } | undefined): Window {
  if (limits === undefined && header === undefined) return ALL_ROWS
  const { offset = 0, limit } = limits ?? {}
  if (limit !== undefined && limit < 0) {
    throw new RestError('PGRST103', { details: 'Limit should be greater than or equal to zero.' })
  }
  if (header?.last !== undefined && header.last < header.first) {
    throw new RestError('PGRST103', {
      details: 'The lower boundary must be lower than or equal to the upper boundary in the Range header.',
    })
  }
  // limit=0 is a window of no rows, which no other range may shift.
  if (limit === 0 && offset === 0) return { offset: 0, limit: 0 }
  const first = Math.max(offset, header?.first ?? 0)
  const last = Math.min(limit === undefined ? Number.POSITIVE_INFINITY : offset + limit - 1, header?.last ?? Number.POSITIVE_INFINITY)
  if (last < first) throw new RestError('PGRST103', { details: 'Limit should be greater than or equal to zero.' })
  return { offset: first, limit: last === Number.POSITIVE_INFINITY ? undefined : last - first + 1 }
}
