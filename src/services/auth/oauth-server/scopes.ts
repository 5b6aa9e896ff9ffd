// What a client may ask to know: the scopes of OpenID Connect, nothing else.

export const SCOPES = ['openid', 'profile', 'email', 'phone', 'offline_access'] as const
const KNOWN: ReadonlySet<string> = new Set(SCOPES)

/** In the order given, each once. */
export const parseScopes = (text: string): readonly string[] => [...new Set(text.split(/\s+/).filter((scope) => scope !== ''))]

/** A sentence about what is wrong; undefined when nothing is. */
export function scopeProblem(text: string): string | undefined {
  if (text === '') return 'scope parameter is required'
  const scopes = parseScopes(text)
  if (scopes.length === 0) return 'scope parameter cannot be empty'
  const unknown = scopes.find((scope) => !KNOWN.has(scope))
  return unknown === undefined ? undefined : `unsupported scope: ${unknown}`
}

export const coversScopes = (granted: string, asked: string): boolean => {
  const has = new Set(parseScopes(granted))
  return parseScopes(asked).every((scope) => has.has(scope))
}
