// The search language of upstream: words and "exact phrases", `to: from: cc: bcc: reply-to: addressed: subject: message-id: tag:`,
// `is:read|unread|tagged`, `has:attachment|inline`, `before: after: larger: smaller:`, each turned round by a leading `-` or `!`.
import type { Address } from './letter.ts'
import type { StoredMessage } from './mailbox.ts'

export type Match = (message: StoredMessage) => boolean

/** A predicate for the whole query: every term has to hold. Terms that say nothing are left out, as upstream does. */
export function compileSearch(query: string, timeZone?: string): Match {
  const terms = splitTerms(query).flatMap((term) => compileTerm(term, timeZone) ?? [])
  return (message) => terms.every((term) => term(message))
}

/** Terms at blanks; a quoted stretch keeps its blanks and loses its quotes (`to:"a b"` is one term). */
export function splitTerms(query: string): string[] {
  const terms: string[] = []
  let term = ''
  let quoted = false
  for (const char of query) {
    if (char === '"') quoted = !quoted
    else if (/\s/.test(char) && !quoted) {
      terms.push(term)
      term = ''
    } else term += char
  }
  return [...terms, term].map((value) => value.trim()).filter((value) => value !== '')
}

const inAddresses = (needle: string, ...addresses: readonly Address[]): boolean =>
  addresses.some((address) => `${address.Name} <${address.Address}>`.toLowerCase().includes(needle))

const byPrefix: Readonly<Record<string, (needle: string, timeZone?: string) => Match | undefined>> = {
  'to:':
    (needle) =>
    ({ summary }) =>
      inAddresses(needle, ...summary.To),
  'from:':
    (needle) =>
    ({ summary }) =>
      inAddresses(needle, summary.From),
  'cc:':
    (needle) =>
    ({ summary }) =>
      inAddresses(needle, ...summary.Cc),
  'bcc:':
    (needle) =>
    ({ summary }) =>
      inAddresses(needle, ...summary.Bcc),
  'reply-to:':
    (needle) =>
    ({ summary }) =>
      inAddresses(needle, ...summary.ReplyTo),
  'addressed:':
    (needle) =>
    ({ summary }) =>
      inAddresses(needle, summary.From, ...summary.To, ...summary.Cc, ...summary.Bcc, ...summary.ReplyTo),
  'subject:':
    (needle) =>
    ({ summary }) =>
      summary.Subject.toLowerCase().includes(needle),
  'message-id:':
    (needle) =>
    ({ summary }) =>
      summary.MessageID.toLowerCase().includes(needle),
  'tag:':
    (needle) =>
    ({ summary }) =>
      summary.Tags.some((tag) => tag.toLowerCase() === needle),
  'before:': (needle, timeZone) => {
    const time = parseDate(needle, timeZone)
    return time === undefined ? undefined : ({ created }) => created <= time
  },
  'after:': (needle, timeZone) => {
    const time = parseDate(needle, timeZone)
    return time === undefined ? undefined : ({ created }) => created >= time
  },
  'larger:': (needle) => {
    const size = parseSize(needle)
    return size === undefined ? undefined : ({ summary }) => summary.Size > size
  },
  'smaller:': (needle) => {
    const size = parseSize(needle)
    return size === undefined ? undefined : ({ summary }) => summary.Size < size
  },
}

const words: Readonly<Record<string, Match>> = {
  'is:read': ({ summary }) => summary.Read,
  'is:unread': ({ summary }) => !summary.Read,
  'is:tagged': ({ summary }) => summary.Tags.length > 0,
  'has:attachment': ({ summary }) => summary.Attachments > 0,
  'has:attachments': ({ summary }) => summary.Attachments > 0,
  'has:inline': ({ inline }) => inline > 0,
  'has:inlines': ({ inline }) => inline > 0,
}

function compileTerm(term: string, timeZone: string | undefined): Match | undefined {
  const excludes = term.length > 1 && /^[-!]/.test(term)
  const lower = (excludes ? term.slice(1) : term).toLowerCase().replace(/\s+/g, ' ').trim()
  if (!/[\p{L}\p{N}]/u.test(lower)) return undefined
  const match = Object.hasOwn(words, lower) ? words[lower] : prefixed(lower, timeZone)
  return match && excludes ? (message) => !match(message) : match
}

function prefixed(lower: string, timeZone: string | undefined): Match | undefined {
  const prefix = /^[a-z-]+:/.exec(lower)?.[0]
  const make = prefix === undefined || !Object.hasOwn(byPrefix, prefix) ? undefined : byPrefix[prefix]
  if (!make || prefix === undefined) return ({ searchText }) => searchText.includes(lower)
  const needle = lower.slice(prefix.length).trim()
  return needle === '' ? undefined : make(needle, timeZone)
}

/** Bytes of `2kb`, `1.5m`, `300`; undefined when it is none. */
export function parseSize(value: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s?(k|kb|m|mb)?$/i.exec(value)
  if (!match) return undefined
  const unit = match[2]?.[0]?.toLowerCase()
  return Math.floor(Number(match[1]) * (unit === 'k' ? 1_024 : unit === 'm' ? 1_048_576 : 1))
}

/** Milliseconds of a date; one without an offset is read in the given time zone (UTC when there is none). */
export function parseDate(value: string, timeZone?: string): number | undefined {
  const plain = /^\d+$/.exec(value) && value.length >= 10 ? Number(value.length >= 13 ? value : `${value}000`) : undefined
  if (plain !== undefined) return plain
  const local = /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[t ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?$/i.exec(value)
  if (!local) {
    const time = Date.parse(value.toUpperCase())
    return Number.isNaN(time) ? undefined : time
  }
  const [year, month, day, hour, minute, second] = local.slice(1).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const utc = Date.UTC(year, month - 1, day, hour, minute, second)
  return utc - offsetOf(utc, timeZone)
}

function offsetOf(utc: number, timeZone: string | undefined): number {
  if (!timeZone) return 0
  try {
    const shown = new Intl.DateTimeFormat('en-US', { timeZone, dateStyle: 'short', timeStyle: 'medium', hourCycle: 'h23' }).format(utc)
    return Date.parse(`${shown} UTC`) - Math.floor(utc / 1_000) * 1_000
  } catch {
    // An unknown time zone is ignored, as upstream does.
    return 0
  }
}
