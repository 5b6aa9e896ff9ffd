// Pages: `page` and `per_page` of the query, and the headers that lead to the next and the last one.
import { errors } from '../errors.ts'
import type { Call } from './call.ts'

export interface Page {
  readonly page: number
  readonly perPage: number
}

export function readPage(query: URLSearchParams): Page {
  return { page: readNumber(query.get('page') ?? '', 1), perPage: readNumber(query.get('per_page') ?? '', 50) }
}

function readNumber(text: string, fallback: number): number {
  if (text === '') return fallback
  if (!/^\d{1,18}$/.test(text))
    throw errors.validation(`Bad Pagination Parameters: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`)
  return Number(text) || fallback
}

/** `X-Total-Count`, and `Link` with next (when there is one) and last. The URL is the path that this service saw. */
export function pageHeaders(call: Call, { page, perPage }: Page, total: number): Record<string, string> {
  const last = Math.max(1, Math.ceil(total / perPage))
  const to = (number: number, rel: string) => {
    const query = new URLSearchParams(call.query)
    query.set('page', String(number))
    query.sort()
    return `<${call.path}?${query}>; rel="${rel}"`
  }
  const links = [...(page < last ? [to(page + 1, 'next')] : []), to(last, 'last')]
  return { 'x-total-count': String(total), link: links.join(', ') }
}

/** `created_at`, with a direction; newest first unless asked otherwise. */
export function readSort(query: URLSearchParams): 'asc' | 'desc' {
  const text = query.get('sort') ?? ''
  if (text === '') return 'desc'
  const [field, direction] = text.split(' ', 2)
  if (field !== 'created_at') throw errors.validation(`Bad Sort Parameters: bad field for sort '${field}'`)
  if (direction === undefined) return 'desc'
  if (direction === 'asc' || direction === 'desc') return direction
  throw errors.validation(`Bad Sort Parameters: bad direction for sort '${direction}', only 'asc' and 'desc' allowed`)
}
