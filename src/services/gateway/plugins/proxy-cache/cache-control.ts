// Cache-Control of a request or an answer: its directives, with numbers where they have them.

export type Directives = ReadonlyMap<string, number | string | true>

export function directivesOf(lines: readonly string[]): Directives {
  const found = new Map<string, number | string | true>()
  for (const part of lines.join(',').split(',')) {
    const [name = '', value] = part.trim().split('=', 2)
    if (name === '') continue
    const plain = value?.replace(/^"|"$/g, '')
    found.set(name.toLowerCase(), plain === undefined ? true : /^\d+$/.test(plain) ? Number(plain) : plain)
  }
  return found
}

export function secondsOf(directives: Directives, name: string): number | undefined {
  const value = directives.get(name)
  return typeof value === 'number' ? value : undefined
}

/** How long an answer says that it is fresh: by s-maxage, max-age or Expires. */
export function freshSeconds(directives: Directives, expires: string | undefined, now: number): number {
  const told = secondsOf(directives, 's-maxage') ?? secondsOf(directives, 'max-age')
  if (told !== undefined) return told
  const until = expires === undefined ? Number.NaN : Date.parse(expires)
  return Number.isFinite(until) ? Math.max(0, Math.floor((until - now) / 1000)) : 0
}
