// Who a request counts for: its address by a strategy, a header, or its host.
import { isIPv4, isIPv6 } from 'node:net'
import { z } from 'zod'
import { AddressSet } from '../client.ts'
import { texts, whole } from './config/types.ts'
import type { Flight } from './flight.ts'

export const ipStrategySchema = z.object({ depth: whole.default(0), excludedIPs: texts.optional(), ipv6Subnet: whole.optional() })
export const sourceCriterionSchema = z.object({
  ipStrategy: ipStrategySchema.optional(),
  requestHeaderName: z.string().optional(),
  requestHost: z.boolean().default(false),
})

type Strategy = z.output<typeof ipStrategySchema>
export type SourceOf = (flight: Flight) => string

/** Throws Error. */
export function addressOf(strategy: Strategy | undefined): SourceOf {
  if (!strategy) return ({ peer }) => peer
  const { depth, excludedIPs = [], ipv6Subnet } = strategy
  if (ipv6Subnet !== undefined && (ipv6Subnet <= 0 || ipv6Subnet > 128))
    throw new Error(`invalid IPv6 subnet ${ipv6Subnet} value, should be greater to 0 and lower or equal to 128`)
  const network = (address: string) => (ipv6Subnet === undefined ? address : ipv6Network(address, ipv6Subnet))
  if (depth > 0)
    return (flight) => {
      const chain = (flight.headers.get('x-forwarded-for') ?? '').split(',')
      return chain.length < depth ? '' : network(chain.at(-depth)!.trim())
    }
  if (excludedIPs.length > 0) {
    const excluded = new AddressSet(excludedIPs)
    return (flight) => {
      const chain = (flight.headers.get('x-forwarded-for') ?? '').split(',').map((item) => item.trim())
      return chain.reverse().find((address) => address !== '' && !excluded.has(address)) ?? ''
    }
  }
  return ({ peer }) => network(peer)
}

/** Throws Error for more than one criterion. */
export function sourceOf(criterion: z.output<typeof sourceCriterionSchema> | undefined, fallback: 'address' | 'host'): SourceOf {
  const { ipStrategy, requestHeaderName, requestHost = false } = criterion ?? {}
  if (ipStrategy && requestHeaderName) throw new Error('iPStrategy and RequestHeaderName are mutually exclusive')
  if (ipStrategy && requestHost) throw new Error('iPStrategy and RequestHost are mutually exclusive')
  if (requestHeaderName && requestHost) throw new Error('requestHost and RequestHeaderName are mutually exclusive')
  if (requestHeaderName) {
    const key = requestHeaderName.toLowerCase()
    return (flight) => flight.headers.get(key) ?? ''
  }
  if (requestHost || (!ipStrategy && fallback === 'host')) return ({ host }) => host
  return addressOf(ipStrategy)
}

function ipv6Network(address: string, bits: number): string {
  if (!isIPv6(address) || isIPv4(address)) return address
  const [head = '', tail] = address.split('%')[0]!.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const front = groups(head)
  const back = tail === undefined ? [] : groups(tail)
  const all = [...front, ...Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0'), ...back].map((group) =>
    Number.parseInt(group, 16),
  )
  return all
    .map((group, at) => {
      const keep = Math.min(16, Math.max(0, bits - at * 16))
      return (group & (0xffff << (16 - keep)) & 0xffff).toString(16)
    })
    .join(':')
}
