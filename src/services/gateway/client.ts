// Where a request comes from: the peer's address, or the one that a trusted proxy in front tells.
import { BlockList, isIP } from 'node:net'

export interface Client {
  /** After the trusted proxies. */
  readonly address: string
  /** The other end of the socket. */
  readonly peer: string
  readonly trusted: boolean
  readonly scheme: 'http' | 'https'
  /** What clients connect to, KONG_PORT_MAPS applied. */
  readonly port: number
}

export interface TrustSettings {
  /** Addresses and networks whose X-Forwarded-* count. */
  readonly trusted: AddressSet | undefined
  readonly realIpHeader: string
  readonly recursive: boolean
  readonly portMaps: ReadonlyMap<number, number>
}

/** A set of addresses and networks, v4 and v6. */
export class AddressSet {
  readonly #list = new BlockList()

  /** Items such as `10.0.0.0/8`, `::1`. Throws RangeError for what is none. */
  constructor(items: readonly string[]) {
    for (const item of items) {
      const [address = '', bits] = item.split('/')
      const family = isIP(address)
      const prefix = bits === undefined ? (family === 6 ? 128 : 32) : Number(bits)
      if (family === 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits)) || prefix > (family === 6 ? 128 : 32))
        throw new RangeError(`invalid ip or cidr range: '${item}'`)
      this.#list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4')
    }
  }

  has(address: string): boolean {
    const family = isIP(address)
    return family !== 0 && this.#list.check(address, family === 6 ? 'ipv6' : 'ipv4')
  }
}

/** `::ffff:127.0.0.1` is 127.0.0.1. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return ''
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}

export function clientOf(
  socket: { remoteAddress?: string | undefined; localPort?: number | undefined; encrypted?: boolean },
  header: (key: string) => string | undefined,
  settings: TrustSettings,
): Client {
  const peer = plainAddress(socket.remoteAddress)
  const trusted = settings.trusted?.has(peer) ?? false
  const localPort = socket.localPort ?? 0
  const port = settings.portMaps.get(localPort) ?? localPort
  const encrypted = socket.encrypted === true
  if (!trusted) return { address: peer, peer, trusted, scheme: encrypted ? 'https' : 'http', port }
  const told = header(settings.realIpHeader)
  const scheme = header('x-forwarded-proto')?.toLowerCase() === 'https' || encrypted ? 'https' : 'http'
  return { address: told === undefined ? peer : addressBefore(told, peer, settings), peer, trusted, scheme, port }
}

/** The last address of the list, or with `recursive` the last one that is no trusted proxy. */
function addressBefore(list: string, peer: string, { trusted, recursive }: TrustSettings): string {
  const chain = list
    .split(',')
    .map((item) => item.trim().replace(/^\[?([^\]]*)\]?(:\d+)?$/, (whole, inner: string) => (isIP(inner) ? inner : whole)))
  let found = peer
  for (const address of chain.reverse()) {
    if (isIP(address) === 0) break
    found = address
    if (!recursive || !trusted?.has(address)) break
  }
  return found
}
