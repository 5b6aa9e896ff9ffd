// The Range header: one range in bytes, cut to the object; anything else is refused, as upstream refuses it.
import type { ByteRange } from '../backend/backend.ts'
import { errors } from '../errors.ts'

/** Throws InvalidRange. */
export function rangeOf(header: string, size: number): ByteRange {
  const found = /^bytes=(\d*)-(\d*)$/.exec(header.trim())
  if (found === null) throw errors.invalidRange()
  const [, first = '', last = ''] = found
  if (first === '' && last === '') throw errors.invalidRange()
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1)
  if (start > end || start >= size) throw errors.invalidRange()
  return { start, end }
}
