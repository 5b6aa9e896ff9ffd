// Labels of messages: from the X-Tags header, from plus-addresses (`me+label@example.com`), and set through the API.
import type { Letter } from './letter.ts'

/** A tag of letters, digits, `-`, `_` and single blanks; empty when nothing of it remains. */
export function cleanTag(value: string): string {
  return value
    .replace(/[^a-zA-Z0-9\- _]/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}

/** Sorted, without repetitions (letter case does not tell them apart). */
export function uniqueTags(values: readonly string[]): string[] {
  const seen = new Map<string, string>()
  for (const value of values) {
    const tag = cleanTag(value)
    if (tag !== '' && !seen.has(tag.toLowerCase())) seen.set(tag.toLowerCase(), tag)
  }
  return [...seen.values()].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1))
}

export function tagsOf(letter: Letter, disabled: readonly string[]): string[] {
  const found: string[] = []
  if (!disabled.includes('x-tags')) found.push(...(letter.headers['X-Tags'] ?? []).flatMap((value) => value.split(',')))
  if (!disabled.includes('plus-addresses')) {
    const addresses = [letter.from, ...letter.to, ...letter.cc, ...letter.bcc, ...letter.replyTo]
    found.push(...addresses.map((address) => /\+([^@]+)@/.exec(address.Address)?.[1] ?? ''))
  }
  return uniqueTags(found)
}
