// The `Prefer` header: which wishes were made, which are known, and which are answered in `Preference-Applied`.
import { RestError } from '../errors.ts'

export interface Preferences {
  readonly resolution?: 'merge-duplicates' | 'ignore-duplicates'
  readonly missing?: 'default' | 'null'
  readonly return?: 'minimal' | 'headers-only' | 'representation'
  readonly count?: 'exact' | 'planned' | 'estimated'
  readonly tx?: 'commit' | 'rollback'
  readonly handling?: 'strict' | 'lenient'
  readonly timezone?: string
  readonly maxAffected?: number
}

/** In the order in which `Preference-Applied` repeats them. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  resolution: ['merge-duplicates', 'ignore-duplicates'],
  missing: ['default', 'null'],
  return: ['minimal', 'headers-only', 'representation'],
  count: ['exact', 'planned', 'estimated'],
  tx: ['commit', 'rollback'],
  handling: ['strict', 'lenient'],
}

const NONE: Preferences = {}

/** The first value of a kind wins. Throws PGRST122 for unknown ones under `handling=strict`. */
export function parsePrefer(header: string | undefined): Preferences {
  if (header === undefined || header === '') return NONE
  const found: Record<string, string | number> = {}
  const unknown: string[] = []
  for (const part of header.split(',')) {
    const wish = part.trim()
    const at = wish.indexOf('=')
    const kind = at < 0 ? wish : wish.slice(0, at)
    const value = at < 0 ? '' : wish.slice(at + 1)
    if (kind === 'timezone' && value !== '') found['timezone'] ??= value
    else if (kind === 'max-affected') {
      // What is no number limits nothing.
      if (/^-?\d+$/.test(value)) found['maxAffected'] ??= Number(value)
    } else if (Object.hasOwn(KNOWN, kind) && KNOWN[kind]!.includes(value)) found[kind] ??= value
    else unknown.push(wish)
  }
  if (found['handling'] === 'strict' && unknown.length > 0) {
    throw new RestError('PGRST122', { details: `Invalid preferences: ${unknown.join(', ')}` })
  }
  return found as Preferences
}

/** The value of `Preference-Applied` for those of the preferences that took effect. */
export function appliedHeader(preferences: Preferences, applied: { readonly [K in keyof Preferences]?: boolean }): string | undefined {
  const words: string[] = []
  for (const kind of Object.keys(KNOWN) as (keyof Preferences)[]) {
    if (preferences[kind] !== undefined && applied[kind]) words.push(`${kind}=${preferences[kind]}`)
  }
  if (preferences.timezone !== undefined && applied.timezone) words.push(`timezone=${preferences.timezone}`)
  if (preferences.maxAffected !== undefined && applied.maxAffected) words.push(`max-affected=${preferences.maxAffected}`)
  return words.length > 0 ? words.join(', ') : undefined
}
