// Ranges of IP addresses that are nobody's out there, named once: what limits do not count, and where providers' URLs may not lead.
import { BlockList, isIP } from 'node:net'

export type Range = readonly [network: string, bits: number]

export const LOOPBACK: readonly Range[] = [
  ['127.0.0.0', 8],
  ['::1', 128],
]
export const PRIVATE: readonly Range[] = [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['fc00::', 7],
]
export const LINK_LOCAL: readonly Range[] = [
  ['169.254.0.0', 16],
  ['fe80::', 10],
]
export const UNSPECIFIED: readonly Range[] = [
  ['0.0.0.0', 32],
  ['::', 128],
]
/** "This network", and the addresses that carriers share out. */
export const SHARED: readonly Range[] = [
  ['0.0.0.0', 8],
  ['100.64.0.0', 10],
]

/** Whether an address lies in one of the ranges; false for what is none. */
export function within(...ranges: readonly Range[]): (address: string) => boolean {
  const list = new BlockList()
  for (const [network, bits] of ranges) list.addSubnet(network, bits, network.includes(':') ? 'ipv6' : 'ipv4')
  return (address) => {
    const version = isIP(address)
    return version !== 0 && list.check(address, version === 6 ? 'ipv6' : 'ipv4')
  }
}

/** An IPv4 address in its IPv6 clothes (`::ffff:10.0.0.1`, `::ffff:a00:1`) as IPv4; others as they are. */
export function unmapped(address: string): string {
  const dotted = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (dotted !== undefined) return dotted
  const match = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(address)
  if (!match) return address
  const [high, low] = [Number.parseInt(match[1]!, 16), Number.parseInt(match[2]!, 16)]
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}
