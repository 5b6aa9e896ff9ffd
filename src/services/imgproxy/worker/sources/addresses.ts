// Which addresses a source may lie on. Names are looked up by the connection itself, so that what was checked is what is connected to.
import { lookup as dnsLookup, type LookupAddress } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import type { WorkerSettings } from '../settings.ts'
import { unreachable } from './source.ts'

const list = (...ranges: readonly (readonly [string, number])[]): BlockList => {
  const block = new BlockList()
  for (const [net, bits] of ranges) block.addSubnet(net, bits, net.includes(':') ? 'ipv6' : 'ipv4')
  return block
}

const LOOPBACK = list(['127.0.0.0', 8], ['0.0.0.0', 8], ['::1', 128], ['::', 128])
const LINK_LOCAL = list(['169.254.0.0', 16], ['fe80::', 10], ['224.0.0.0', 4], ['ff00::', 8])
const PRIVATE = list(['10.0.0.0', 8], ['172.16.0.0', 12], ['192.168.0.0', 16], ['100.64.0.0', 10], ['fc00::', 7])

/** An IPv4 address within an IPv6 one: mapped, or translated by NAT64. */
function embedded(address: string): string | undefined {
  const dotted = /^(?:::ffff:|64:ff9b::)(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (dotted) return dotted
  const hex = /^(?:::ffff:|64:ff9b::)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(address)
  if (!hex) return undefined
  const [high, low] = [Number.parseInt(hex[1]!, 16), Number.parseInt(hex[2]!, 16)]
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}

/** Why no source may lie there; undefined where one may. */
export function refusal(address: string, allowed: WorkerSettings['addresses']): string | undefined {
  const plain = embedded(address) ?? address
  const family = isIP(plain) === 6 ? 'ipv6' : 'ipv4'
  if (!allowed.loopback && LOOPBACK.check(plain, family)) return 'a loopback address'
  if (!allowed.linkLocal && LINK_LOCAL.check(plain, family)) return 'a link-local address'
  if (!allowed.private && PRIVATE.check(plain, family)) return 'a private address'
  return undefined
}

/** Addresses that a URL spells out are not looked up: they are checked here. */
export function refuseSpelledAddress(url: URL, allowed: WorkerSettings['addresses']): void {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const why = isIP(host) === 0 ? undefined : refusal(host, allowed)
  if (why !== undefined) throw unreachable(`the source lies on ${why}`)
}

/** A lookup for sockets: fails where any address of the name is not allowed. */
export function checkedLookup(allowed: WorkerSettings['addresses']): LookupFunction {
  return (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error, found) => {
      const addresses = found as LookupAddress[]
      const why = error ? undefined : addresses.map(({ address }) => refusal(address, allowed)).find((reason) => reason !== undefined)
      const failure = error ?? (why === undefined ? null : unreachable(`${hostname} lies on ${why}`))
      if (failure) callback(failure as NodeJS.ErrnoException, [])
      else if (options.all) callback(null, addresses)
      else callback(null, addresses[0]!.address, addresses[0]!.family)
    })
  }
}
