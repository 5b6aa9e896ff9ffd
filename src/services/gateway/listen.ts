// KONG_*_LISTEN: lists of `address:port` with words behind them, or `off`.

export interface Listener {
  readonly host: string
  readonly port: number
  readonly tls: boolean
  /** Offered to clients beside HTTP/1.1; only over TLS, as browsers do it. */
  readonly http2: boolean
}

/** A value that is no such list. */
export class ListenError extends Error {}

// Words of nginx that do not change what a client sees here.
const IGNORED = /^(reuseport|deferred|bind|backlog=\d+|ipv6only=(on|off)|so_keepalive=\S+)$/

/** Throws ListenError. */
export function parseListen(name: string, value: string): Listener[] {
  if (value.trim() === '' || value.trim() === 'off') return []
  return value.split(',').map((item) => {
    const [address = '', ...words] = item.trim().split(/\s+/)
    const match = /^(\[[0-9a-fA-F:.]+\]|[^:\s]+):(\d{1,5})$/.exec(address)
    const port = Number(match?.[2])
    if (!match || port > 65_535) throw new ListenError(`${name}: expected address:port, got '${address}'`)
    const unknown = words.find((word) => word !== 'ssl' && word !== 'http2' && !IGNORED.test(word))
    if (unknown) throw new ListenError(`${name}: '${unknown}' is not supported`)
    return {
      host: match[1]!.replace(/^\[|\]$/g, ''),
      port,
      tls: words.includes('ssl'),
      http2: words.includes('ssl') && words.includes('http2'),
    }
  })
}
