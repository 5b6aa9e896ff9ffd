// KONG_*_LISTEN: lists of `address:port` with words behind them, or `off`.

export interface Listener {
  readonly host: string
  readonly port: number
  readonly tls: boolean
}

/** A value that is no such list. */
export class ListenError extends Error {}

// Words of nginx that do not change what a client sees here; http2 is not served yet, and a client that offers it falls back.
const IGNORED = /^(http2|reuseport|deferred|bind|backlog=\d+|ipv6only=(on|off)|so_keepalive=\S+)$/

/** Throws ListenError. */
export function parseListen(name: string, value: string): Listener[] {
  if (value.trim() === '' || value.trim() === 'off') return []
  return value.split(',').map((item) => {
    const [address = '', ...words] = item.trim().split(/\s+/)
    const match = /^(\[[0-9a-fA-F:.]+\]|[^:\s]+):(\d{1,5})$/.exec(address)
    const port = Number(match?.[2])
    if (!match || port > 65_535) throw new ListenError(`${name}: expected address:port, got '${address}'`)
    const unknown = words.find((word) => word !== 'ssl' && !IGNORED.test(word))
    if (unknown) throw new ListenError(`${name}: '${unknown}' is not supported`)
    return { host: match[1]!.replace(/^\[|\]$/g, ''), port, tls: words.includes('ssl') }
  })
}
