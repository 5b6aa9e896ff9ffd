// What each matcher of version 3 says about a request. Upstream: pkg/muxer/http/matcher.go.
import { AddressSet } from '../../client.ts'
import { goRegExp } from '../go-regexp.ts'
import { RuleError } from './parse.ts'

/** What rules look at. */
export interface Asked {
  readonly method: string
  /** Lower case, without a port. */
  readonly canonicalHost: string
  /** The path with all but reserved characters decoded. */
  readonly routingPath: string
  /** The other end of the connection. */
  readonly peer: string
  headerValues(key: string): readonly string[]
  queryValues(key: string): readonly string[] | undefined
}

export type Matches = (asked: Asked) => boolean

export interface Matcher {
  readonly counts: readonly number[] | 'any'
  /** Throws for values that cannot be used. */
  readonly build: (...values: string[]) => Matches
}

function path(value: string): string {
  if (!value.startsWith('/')) throw new RuleError(`path ${JSON.stringify(value)} does not start with a '/'`)
  return value
}

function ascii(value: string, matcher: string): string {
  if (/[^\x00-\x7f]/.test(value))
    throw new RuleError(`invalid value ${JSON.stringify(value)} for ${matcher} matcher, non-ASCII characters are not allowed`)
  return value
}

export function hostMatches(asked: string, wanted: string): boolean {
  if (asked === '') return false
  return (
    sameHost(asked, wanted) ||
    (wanted.endsWith('.') && sameHost(asked, wanted.slice(0, -1))) ||
    (asked.endsWith('.') && sameHost(asked.slice(0, -1), wanted))
  )
}

/** `*.example.com` stands for one label. */
function sameHost(asked: string, wanted: string): boolean {
  if (!wanted.startsWith('*.')) return asked === wanted
  const dot = asked.indexOf('.')
  return dot > 0 && asked.slice(dot) === wanted.slice(1)
}

export function addresses(items: readonly string[], matcher: string): AddressSet {
  try {
    return new AddressSet(items)
  } catch (error) {
    throw new RuleError(`initializing IP checker for ${matcher} matcher: ${(error as Error).message}`)
  }
}

export const matchersV3: ReadonlyMap<string, Matcher> = new Map<string, Matcher>([
  [
    'ClientIP',
    {
      counts: [1],
      build: (value) => {
        const set = addresses([value!], 'ClientIP')
        return ({ peer }) => set.has(peer)
      },
    },
  ],
  [
    'Method',
    {
      counts: [1],
      build: (value) => {
        const wanted = value!.toUpperCase()
        return ({ method }) => method === wanted
      },
    },
  ],
  [
    'Host',
    {
      counts: [1],
      build: (value) => {
        if (value === '*') return () => true
        const wanted = ascii(value!, 'Host').toLowerCase()
        return ({ canonicalHost }) => hostMatches(canonicalHost, wanted)
      },
    },
  ],
  [
    'HostRegexp',
    {
      counts: [1],
      build: (value) => {
        const pattern = goRegExp(ascii(value!, 'HostRegexp'))
        return ({ canonicalHost }) => pattern.test(canonicalHost)
      },
    },
  ],
  [
    'Path',
    {
      counts: [1],
      build: (value) => {
        const wanted = path(value!)
        return ({ routingPath }) => routingPath === wanted
      },
    },
  ],
  [
    'PathRegexp',
    {
      counts: [1],
      build: (value) => {
        const pattern = goRegExp(value!)
        return ({ routingPath }) => pattern.test(routingPath)
      },
    },
  ],
  [
    'PathPrefix',
    {
      counts: [1],
      build: (value) => {
        const wanted = path(value!)
        return ({ routingPath }) => routingPath.startsWith(wanted)
      },
    },
  ],
  [
    'Header',
    {
      counts: [2],
      build: (name, value) => {
        const key = name!.toLowerCase()
        return (asked) => asked.headerValues(key).includes(value!)
      },
    },
  ],
  [
    'HeaderRegexp',
    {
      counts: [2],
      build: (name, value) => {
        const key = name!.toLowerCase()
        const pattern = goRegExp(value!)
        return (asked) => asked.headerValues(key).some((sent) => pattern.test(sent))
      },
    },
  ],
  [
    'Query',
    {
      counts: [1, 2],
      build:
        (key, value = '') =>
        (asked) =>
          asked.queryValues(key!)?.includes(value) ?? false,
    },
  ],
  [
    'QueryRegexp',
    {
      counts: [1, 2],
      build: (key, value) => {
        if (value === undefined) return (asked) => asked.queryValues(key!)?.includes('') ?? false
        const pattern = goRegExp(value)
        return (asked) => asked.queryValues(key!)?.some((sent) => pattern.test(sent)) ?? false
      },
    },
  ],
])
