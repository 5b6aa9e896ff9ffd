// Hosts of routes: a name, or one `*` as the leftmost or rightmost label, with or without a port.

export interface HostPattern {
  /** Without the port. */
  readonly name: string
  readonly port: number | undefined
  /** For wildcards: what has to stand at the end (`*.example.com`) or at the beginning (`example.*`). */
  readonly wildcard: { readonly side: 'left' | 'right'; readonly fixed: string } | undefined
}

export function parseHost(pattern: string): HostPattern {
  const [, name = pattern, port] = /^(.*?)(?::(\d+))?$/.exec(pattern) ?? []
  return {
    name,
    port: port === undefined ? undefined : Number(port),
    wildcard: name.startsWith('*.')
      ? { side: 'left', fixed: name.slice(1) }
      : name.endsWith('.*')
        ? { side: 'right', fixed: name.slice(0, -1) }
        : undefined,
  }
}

const DEFAULT_PORT = { http: 80, https: 443 } as const

/** Compares as sent, letter case included; a port in the pattern is compared with the one sent or the scheme's own. */
export function matchesHost(pattern: HostPattern, host: string, scheme: 'http' | 'https'): boolean {
  const { name, port } = parseHost(host)
  if (pattern.port !== undefined && pattern.port !== (port ?? DEFAULT_PORT[scheme])) return false
  const { wildcard } = pattern
  if (!wildcard) return pattern.name === name
  // The star stands for at least one character.
  if (name.length <= wildcard.fixed.length) return false
  return wildcard.side === 'left' ? name.endsWith(wildcard.fixed) : name.startsWith(wildcard.fixed)
}
