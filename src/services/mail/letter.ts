// A message read: addresses, text, HTML and parts of the raw bytes, by postal-mime. Never fails: what cannot be read stays as raw bytes.
import PostalMime, { type Attachment, type Email, type Address as MimeAddress } from 'postal-mime'
import { htmlToText, htmlToWords, oneLine } from './html-to-text.ts'

/** As Go's net/mail prints it; the wire shape of upstream's API. */
export interface Address {
  readonly Name: string
  readonly Address: string
}

export interface Part {
  readonly partId: string
  readonly fileName: string
  readonly contentType: string
  readonly contentId: string
  readonly inline: boolean
  readonly content: Uint8Array
}

export interface Letter {
  /** Canonical names (`Message-Id`), values unfolded and not decoded. */
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly messageId: string
  /** Empty when the message names nobody. */
  readonly from: Address
  readonly to: readonly Address[]
  readonly cc: readonly Address[]
  readonly bcc: readonly Address[]
  readonly replyTo: readonly Address[]
  readonly returnPath: string
  readonly subject: string
  /** Of the Date header, when it holds one. */
  readonly date: Date | undefined
  readonly text: string
  readonly html: string
  readonly parts: readonly Part[]
}

const SNIPPET_LENGTH = 200
// Enough of a mail to find it by; what is longer is searched in its beginning only.
const SEARCHED_LENGTH = 100_000

export async function readLetter(raw: Uint8Array): Promise<Letter> {
  let email: Email
  try {
    email = await PostalMime.parse(raw, { maxNestingDepth: 64, maxRfc822NestingDepth: 4, rfc822Attachments: true })
  } catch {
    // Nothing is lost: the raw bytes are kept and shown. postal-mime refuses what is nested or headed beyond its limits.
    email = { headers: [], headerLines: [], attachments: [], text: '' }
  }
  // A header may be called `__proto__`: a map, and an object without a prototype.
  const byName = new Map<string, string[]>()
  for (const { key, value } of email.headers) {
    const name = canonical(key)
    byName.set(name, [...(byName.get(name) ?? []), value])
  }
  const headers: Record<string, string[]> = Object.create(null)
  for (const name of [...byName.keys()].sort()) headers[name] = byName.get(name)!
  const html = email.html ?? ''
  const rawFrom = headers['From']?.[0] ?? ''
  const from = flatten(email.from ? [email.from] : [])[0] ?? { Name: rawFrom, Address: '' }
  const date = email.date === undefined ? undefined : new Date(email.date)
  return {
    headers,
    messageId: bare(email.messageId ?? ''),
    from,
    to: flatten(email.to),
    cc: flatten(email.cc),
    bcc: flatten(email.bcc),
    replyTo: flatten(email.replyTo),
    returnPath: bare(headers['Return-Path']?.[0] ?? '') || from.Address,
    subject: email.subject ?? '',
    date: date && !Number.isNaN(date.getTime()) ? date : undefined,
    text: email.text === undefined && html !== '' ? htmlToText(html) : (email.text ?? '').replace(/\n$/, ''),
    html: html.replace(/\n$/, ''),
    parts: email.attachments.map(toPart),
  }
}

/** Up to 200 characters of what a reader would see first. */
export function snippetOf({ html, text }: Letter): string {
  const words = html.trim() === '' ? oneLine(text.slice(0, 4_000)) : htmlToWords(html)
  if (words.length <= SNIPPET_LENGTH) return words
  return `${words.slice(0, SNIPPET_LENGTH).replace(/[\ud800-\udbff]$/, '')}...`
}

/** What a plain word of a search is looked for in, in lower case. */
export function searchTextOf(letter: Letter): string {
  const addresses = [letter.from, ...letter.to, ...letter.cc, ...letter.bcc, ...letter.replyTo]
  return oneLine(
    [
      letter.subject,
      ...addresses.map((address) => `${address.Name} ${address.Address}`),
      letter.html === '' ? letter.text : htmlToWords(letter.html.slice(0, SEARCHED_LENGTH)),
      ...letter.parts.map(({ fileName }) => fileName),
      letter.messageId,
    ]
      .join(' ')
      .slice(0, SEARCHED_LENGTH)
      .toLowerCase(),
  )
}

function flatten(addresses: readonly MimeAddress[] | undefined): Address[] {
  return (addresses ?? []).flatMap((entry) =>
    entry.group
      ? entry.group.map(({ name, address }) => ({ Name: name, Address: address }))
      : [{ Name: entry.name, Address: entry.address ?? '' }],
  )
}

function toPart(attachment: Attachment, index: number): Part {
  const contentId = bare(attachment.contentId ?? '')
  const inline =
    attachment.disposition === 'inline' || (attachment.disposition !== 'attachment' && (attachment.related === true || contentId !== ''))
  return {
    // The first part of a message is its text, so the first attachment of an ordinary message is 2, as upstream numbers it.
    partId: String(index + 2),
    fileName: attachment.filename || contentId || `part-${index + 2}`,
    contentType: attachment.mimeType,
    contentId,
    inline,
    content: typeof attachment.content === 'string' ? Buffer.from(attachment.content) : new Uint8Array(attachment.content),
  }
}

/** `message-id` → `Message-Id`, as Go's textproto writes keys. */
function canonical(key: string): string {
  return key.replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase())
}

function bare(value: string): string {
  return value.trim().replace(/^<+|>+$/g, '')
}
