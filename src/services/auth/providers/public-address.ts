// Which addresses a server may be sent to by somebody who is not its operator: https, and nothing of this machine or its networks.
import { lookup as dnsLookup, type LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { errors } from '../errors.ts'
import { LINK_LOCAL, LOOPBACK, PRIVATE, type Range, SHARED, UNSPECIFIED, unmapped, within } from '../request/address-ranges.ts'

const MULTICAST: readonly Range[] = [
  ['224.0.0.0', 4],
  ['ff00::', 8],
]
const LINK_LOCAL_MULTICAST: readonly Range[] = [
  ['224.0.0.0', 24],
  ['ff02::', 16],
]
/** What upstream forgets: for protocols, documentation, benchmarks and the future, and IPv4 in translation. */
const RESERVED: readonly Range[] = [
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['198.18.0.0', 15],
  ['240.0.0.0', 4],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2001::', 32],
  ['2002::', 16],
]

/** In upstream's order and words; what upstream forgets counts as private. */
const KINDS: readonly (readonly [(address: string) => boolean, string])[] = [
  [within(...LOOPBACK), 'loopback addresses'],
  [within(...PRIVATE), 'private network addresses'],
  [within(...LINK_LOCAL, ...LINK_LOCAL_MULTICAST), 'link-local addresses'],
  [within(...MULTICAST), 'multicast addresses'],
  [within(...UNSPECIFIED), 'unspecified addresses'],
  [within(...SHARED, ...RESERVED), 'private network addresses'],
]
const LOCAL_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1', '0.0.0.0', '::'])

/** What is wrong with an IP address, in words that complete "URL cannot resolve to"; undefined for a public one. */
export function privateKind(address: string): string | undefined {
  const plain = unmapped(address)
  return KINDS.find(([isKind]) => isKind(plain))?.[1]
}

const bare = (hostname: string): string => hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase()

function isLocalName(host: string): boolean {
  const name = host.replace(/\.$/, '')
  return LOCAL_NAMES.has(name) || name.endsWith('.localhost')
}

/** Throws for a host that is private by what it says; names are looked up by `lookupPublic` as the connection is made. */
export function refusePrivateHost(hostname: string): void {
  const host = bare(hostname)
  if (isLocalName(host) || (isIP(host) !== 0 && privateKind(host) !== undefined)) throw new Error(`${host} is not a public address`)
}

/** Throws `validation_failed` in upstream's words. */
export async function checkPublicUrl(text: string, allowPrivate: boolean): Promise<void> {
  if (!URL.canParse(text)) throw errors.validation('Invalid URL format')
  const url = new URL(text)
  if (url.protocol !== 'https:') throw errors.validation('URL must use HTTPS')
  const host = bare(url.hostname)
  if (host === '') throw errors.validation('URL must have a valid hostname')
  if (allowPrivate) return
  if (isLocalName(host)) throw errors.validation('URL cannot point to localhost or loopback addresses')
  const addresses = isIP(host) !== 0 ? [host] : await addressesOf(host)
  for (const address of addresses) {
    const kind = privateKind(address)
    if (kind) throw errors.validation(`URL cannot resolve to ${kind}`)
  }
}

async function addressesOf(host: string): Promise<readonly string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address)
  } catch (error) {
    throw errors.validation('Unable to resolve hostname', error)
  }
}

/** For a socket: the addresses that were checked are the ones that are connected to, so that a name cannot change its mind in between. */
export const lookupPublic: LookupFunction = (hostname, options, callback) => {
  dnsLookup(hostname, { ...options, all: true }, (error, found) => {
    const addresses = (found ?? []) as LookupAddress[]
    if (error) return callback(error, '', 0)
    if (addresses.length === 0 || addresses.some(({ address }) => privateKind(address) !== undefined))
      return callback(new Error(`${hostname} is not a public address`), '', 0)
    return options.all ? callback(null, addresses) : callback(null, addresses[0]!.address, addresses[0]!.family)
  })
}
