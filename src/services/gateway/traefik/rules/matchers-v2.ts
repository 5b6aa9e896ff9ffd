// The matchers of version 2 (`ruleSyntax: v2`): lists of values, and patterns in braces. Upstream: pkg/muxer/http/matcher_v2.go.
import { GoRegExpError, goRegExp } from '../go-regexp.ts'
import { addresses, hostMatches, type Matcher, type Matches } from './matchers.ts'
import { RuleError } from './parse.ts'

const hosts: Matcher = {
  counts: 'any',
  build: (...values) => {
    const wanted = values.map((value) => value.toLowerCase())
    // Version 2 knows no `*.example.com`: such a value is compared as it stands.
    return ({ canonicalHost }) => wanted.some((host) => (host.startsWith('*') ? canonicalHost === host : hostMatches(canonicalHost, host)))
  },
}

const methods: Matcher = {
  counts: 'any',
  build: (...values) => {
    const wanted = new Set(values.map((value) => value.toUpperCase()))
    return ({ method }) => wanted.has(method)
  },
}

/** `/users/{id:[0-9]+}/x`, `{sub:[a-z]+}.example.com`: literal text with named patterns. */
function braced(
  template: string,
  what: { readonly open: string; readonly fallback: string; readonly flags: string; readonly end: string },
): RegExp {
  let pattern = what.open
  let at = 0
  while (at < template.length) {
    const brace = template.indexOf('{', at)
    const literal = template.slice(at, brace < 0 ? undefined : brace)
    if (literal.includes('}')) throw new RuleError(`mux: unbalanced braces in ${JSON.stringify(template)}`)
    pattern += literal.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
    if (brace < 0) break
    const end = closing(template, brace)
    const [name = '', ...rest] = template.slice(brace + 1, end).split(':')
    const inner = rest.length > 0 ? rest.join(':') : what.fallback
    if (name === '' || inner === '')
      throw new RuleError(`mux: missing name or pattern in ${JSON.stringify(template.slice(brace, end + 1))}`)
    pattern += `(?:${inner})`
    at = end + 1
  }
  try {
    return goRegExp(pattern + what.end, what.flags)
  } catch (error) {
    if (error instanceof GoRegExpError) throw new RuleError(error.message)
    throw error
  }
}

function closing(template: string, open: number): number {
  let depth = 0
  for (let at = open; at < template.length; at++) {
    if (template[at] === '{') depth++
    else if (template[at] === '}' && --depth === 0) return at
  }
  throw new RuleError(`mux: unbalanced braces in ${JSON.stringify(template)}`)
}

const paths = (prefix: boolean): Matcher => ({
  counts: 'any',
  build: (...values) => {
    const patterns = values.map((value) => {
      if (!value.startsWith('/')) throw new RuleError(`mux: path must start with a slash, got ${JSON.stringify(value)}`)
      return braced(value, { open: '^', fallback: '[^/]+', flags: '', end: prefix ? '' : '$' })
    })
    return ({ routingPath }) => patterns.some((pattern) => pattern.test(routingPath))
  },
})

function pairs(values: readonly string[], matcher: string): [string, string][] {
  if (values.length % 2 !== 0)
    throw new RuleError(`mux: number of parameters must be multiple of 2, got [${values.join(' ')}] for ${matcher}`)
  return values.flatMap((value, at) => (at % 2 === 0 ? [[value, values[at + 1]!] as [string, string]] : []))
}

function every(tests: readonly Matches[]): Matches {
  return (asked) => tests.every((test) => test(asked))
}

export const matchersV2: ReadonlyMap<string, Matcher> = new Map<string, Matcher>([
  ['Host', hosts],
  ['HostHeader', hosts],
  [
    'HostRegexp',
    {
      counts: 'any',
      build: (...values) => {
        const patterns = values.map((value) => braced(value, { open: '^', fallback: '[^.]+', flags: 'i', end: '$' }))
        return ({ canonicalHost }) => patterns.some((pattern) => pattern.test(canonicalHost))
      },
    },
  ],
  [
    'ClientIP',
    {
      counts: 'any',
      build: (...values) => {
        const set = addresses(values, 'ClientIP')
        return ({ peer }) => set.has(peer)
      },
    },
  ],
  ['Path', paths(false)],
  ['PathPrefix', paths(true)],
  ['Method', methods],
  ['Methods', methods],
  [
    'Headers',
    {
      counts: 'any',
      build: (...values) =>
        every(
          pairs(values, 'Headers').map(([name, value]) => {
            const key = name.toLowerCase()
            return (asked) => asked.headerValues(key).includes(value)
          }),
        ),
    },
  ],
  [
    'HeadersRegexp',
    {
      counts: 'any',
      build: (...values) =>
        every(
          pairs(values, 'HeadersRegexp').map(([name, value]) => {
            const key = name.toLowerCase()
            const pattern = goRegExp(value)
            return (asked) => asked.headerValues(key).some((sent) => pattern.test(sent))
          }),
        ),
    },
  ],
  [
    'Query',
    {
      counts: 'any',
      build: (...values) =>
        every(
          values.map((value) => {
            const [key = '', ...rest] = value.split('=')
            const pattern = rest.length > 0 ? braced(rest.join('='), { open: '^', fallback: '.*', flags: '', end: '$' }) : undefined
            return (asked) => asked.queryValues(key)?.some((sent) => pattern === undefined || pattern.test(sent)) ?? false
          }),
        ),
    },
  ],
])
