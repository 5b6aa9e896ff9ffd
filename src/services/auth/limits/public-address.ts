// Which addresses are somebody's out there: those of this machine and of private networks are proxies and developers.
import { isIP } from 'node:net'
import { LINK_LOCAL, LOOPBACK, PRIVATE, SHARED, UNSPECIFIED, unmapped, within } from '../request/address-ranges.ts'

const isInner = within(...LOOPBACK, ...PRIVATE, ...LINK_LOCAL, ...SHARED, ...UNSPECIFIED)

/** What a limit counts by: the address, of IPv6 the half that one customer is given; undefined for an inner one, or none. */
export function publicClient(address: string): string | undefined {
  const plain = unmapped(address)
  const version = isIP(plain)
  if (version === 0 || isInner(plain)) return undefined
  return version === 4 ? plain : networkOf(plain)
}

/** The first 64 bits. */
function networkOf(address: string): string {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const whole =
    tail === undefined ? before : [...before, ...Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0'), ...after]
  return whole
    .slice(0, 4)
    .map((part) => Number.parseInt(part, 16).toString(16))
    .join(':')
}
