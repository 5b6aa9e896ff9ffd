// Sizes as people write them for a bucket: `1.5MB`, decimal units.
import { errors } from '../errors.ts'

const UNITS: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
])

/** Bytes. Throws InvalidRequest. */
export function sizeOf(text: string): number {
  const found = /^(\d+(?:\.\d+)?)(B|KB|MB|GB)?$/i.exec(text.trim())
  const unit = UNITS.get((found?.[2] ?? 'B').toUpperCase())
  if (!found || unit === undefined || (found[2] === undefined && found[1]!.includes('.')))
    throw errors.invalidRequest('Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B')
  const bytes = Number(found[1]) * unit
  // Upstream's reader keeps three digits of what carries a unit.
  return found[2] === undefined ? bytes : Math.round(Number(bytes.toPrecision(3)))
}
