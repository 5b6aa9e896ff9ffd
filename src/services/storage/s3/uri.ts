// Request targets as the S3 protocol reads and signs them: raw paths, queries with every pair kept, RFC 3986 escapes.

export type Pair = readonly [name: string, value: string]

export interface Target {
  /** As it was received, still escaped. */
  readonly path: string
  readonly pairs: readonly Pair[]
}

/** Every character but the unreserved ones of RFC 3986 is escaped, `/` too. */
export const encodeRfc3986 = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)

/** The text itself where it holds a broken escape. */
export function decodeLeniently(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export function splitTarget(url: string): Target {
  const at = url.indexOf('?')
  if (at < 0) return { path: url, pairs: [] }
  return { path: url.slice(0, at), pairs: readPairs(url.slice(at + 1)) }
}

function readPairs(query: string): Pair[] {
  const pairs: Pair[] = []
  for (const part of query.split('&')) {
    if (part === '') continue
    const at = part.indexOf('=')
    const read = (text: string) => decodeLeniently(text.replaceAll('+', ' '))
    pairs.push(at < 0 ? [read(part), ''] : [read(part.slice(0, at)), read(part.slice(at + 1))])
  }
  return pairs
}

/** The first value of each name. A Map, as names come from outside. */
export function queryOf(pairs: readonly Pair[]): ReadonlyMap<string, string> {
  const query = new Map<string, string>()
  for (const [name, value] of pairs) if (!query.has(name)) query.set(name, value)
  return query
}
