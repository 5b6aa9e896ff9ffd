// Query strings and URLs the way Go writes them: clients compare them byte by byte.

/** Go's `url.QueryEscape`: all but letters, digits and `-_.~` is encoded, a blank is a plus. */
export const queryEscape = (text: string): string =>
  encodeURIComponent(text)
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+')

/** Go's `Values.Encode`: sorted by key. */
export const encodeForm = (values: Readonly<Record<string, string>>): string =>
  Object.keys(values)
    .sort()
    .map((key) => `${queryEscape(key)}=${queryEscape(values[key]!)}`)
    .join('&')

/** The target with these parameters set in its query (sorted, as Go does it) and its fragment replaced. */
export function withQuery(target: string, values: Readonly<Record<string, string>>, fragment?: string): string {
  const [rest] = splitOnce(target, '#')
  const [base, query] = splitOnce(rest, '?')
  const all = new Map<string, string[]>()
  for (const [key, value] of new URLSearchParams(query)) all.set(key, [...(all.get(key) ?? []), value])
  for (const [key, value] of Object.entries(values)) all.set(key, [value])
  const encoded = [...all.keys()]
    .sort()
    .flatMap((key) => all.get(key)!.map((value) => `${queryEscape(key)}=${queryEscape(value)}`))
    .join('&')
  return `${base}${encoded && `?${encoded}`}${fragment ? `#${fragment}` : ''}`
}

/** The target with another fragment. */
export const withFragment = (target: string, fragment: string): string => `${splitOnce(target, '#')[0]}#${fragment}`

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}
