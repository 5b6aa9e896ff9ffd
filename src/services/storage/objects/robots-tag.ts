// X-Robots-Tag of an object: only rules that search engines know.
import { StorageError } from '../errors.ts'

const PLAIN = new Set([
  'all',
  'index',
  'follow',
  'noindex',
  'nofollow',
  'none',
  'noarchive',
  'nocache',
  'nosnippet',
  'notranslate',
  'noimageindex',
  'indexifembedded',
  'noai',
  'noimageai',
  'nositelinkssearchbox',
])
const VALUED: ReadonlyMap<string, (value: string) => boolean> = new Map([
  ['max-snippet', (value: string) => /^-?\d+$/.test(value)],
  ['max-image-preview', (value: string) => ['none', 'standard', 'large'].includes(value)],
  ['max-video-preview', (value: string) => /^-?\d+$/.test(value)],
  ['unavailable_after', (value: string) => value !== ''],
])
const AGENT = /^[a-z][a-z0-9_-]*$/i
const MAX_LENGTH = 1_000

const refused = (message: string) =>
  new StorageError({
    code: 'InvalidRequest',
    status: 400,
    error: 'invalid_x_robots_tag',
    message: `Invalid X-Robots-Tag header: ${message}`,
  })

/** Throws InvalidRequest. `googlebot: noindex, nofollow` names whom it is for. */
export function checkRobotsTag(value: string): void {
  if (value.trim() === '') throw refused('the header must not be empty')
  if (value.length > MAX_LENGTH) throw refused('the header is too long')
  let rest = value
  const named = /^\s*([^:,]+):(.*)$/s.exec(value)
  if (named !== null && AGENT.test(named[1]!.trim()) && !VALUED.has(named[1]!.trim().toLowerCase())) rest = named[2]!
  // A date holds commas of its own.
  const dated = /^(.*?)\bunavailable_after:\s*(.+)$/is.exec(rest)
  const rules = (dated ? dated[1]!.replace(/,\s*$/, '') : rest).split(',').map((rule) => rule.trim())
  for (const rule of rules) {
    if (rule === '' && dated !== null) continue
    const [name, ...parts] = rule.split(':')
    const key = (name ?? '').trim().toLowerCase()
    const check = VALUED.get(key)
    const fits = parts.length === 0 ? PLAIN.has(key) : (check?.(parts.join(':').trim()) ?? false)
    if (!fits) throw refused(`unknown rule "${rule}"`)
  }
}
