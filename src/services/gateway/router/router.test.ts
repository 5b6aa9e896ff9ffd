import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parsePath } from '../config/route-path.ts'
import { PrefixTree } from './prefix-tree.ts'
import { type Asking, type Conditions, Router } from './router.ts'

interface Rule {
  hosts?: string[]
  paths?: string[]
  methods?: string[]
  headers?: Record<string, string[]>
  priority?: number
}

function router(rules: Record<string, Rule>): Router<string> {
  return new Router(
    Object.entries(rules).map(([route, { hosts = [], paths = [], methods = [], headers = {}, priority = 0 }]) => {
      const conditions: Conditions = {
        hosts,
        methods,
        snis: [],
        paths: paths.map((path) => parsePath(path, '2.1')),
        headers: new Map(Object.entries(headers)),
        regexPriority: priority,
      }
      return { route, conditions }
    }),
  )
}

function asking(
  path: string,
  { host = 'any.test', method = 'GET', headers = {} }: { host?: string; method?: string; headers?: Record<string, string> } = {},
): Asking {
  return { method, path, host, scheme: 'http', headerValues: (key) => (headers[key] === undefined ? [] : [headers[key]]) }
}

const rules = router({
  plain: { paths: ['/r'] },
  long: { paths: ['/r/one'] },
  longest: { paths: ['/r/one/two/'] },
  host: { hosts: ['h.test'] },
  hostpath: { hosts: ['h.test'], paths: ['/r'] },
  wild: { hosts: ['*.wild.test'] },
  right: { hosts: ['right.*'] },
  wildplain: { hosts: ['plain.wild.test'] },
  port: { hosts: ['port.test:7777'] },
  method: { paths: ['/m'], methods: ['DELETE'] },
  anymethod: { paths: ['/m'] },
  header: { paths: ['/h'], headers: { 'X-Kind': ['One', 'two'] } },
  header2: { paths: ['/h'], headers: { 'x-kind': ['one'], 'x-more': ['yes'] } },
  headerre: { paths: ['/hre'], headers: { 'x-version': ['~*^v[0-9]+$'] } },
  regex: { paths: ['/x/[a-z]+/end'] },
  longprefix: { paths: ['/x/abc/end/and/further'] },
  low: { paths: ['/p/(?<id>\\d+)'], priority: 1 },
  high: { paths: ['/p/\\d+/?'], priority: 5 },
  two: { paths: ['/two'], methods: ['PUT'] },
  tworegex: { paths: ['/two.*$'] },
})

test.each([
  ['/r/x', {}, 'plain'],
  ['/restless', {}, 'plain'],
  ['/r/one/two', {}, 'long'],
  ['/r/one/two/three', {}, 'longest'],
  ['/r/one/two/three', { host: 'h.test' }, 'hostpath'],
  ['/z', { host: 'h.test:81' }, 'host'],
  ['/z', { host: 'H.test' }, undefined],
  ['/z', { host: 'a.b.wild.test' }, 'wild'],
  ['/z', { host: 'plain.wild.test' }, 'wildplain'],
  ['/z', { host: 'wild.test' }, undefined],
  ['/z', { host: 'right.org' }, 'right'],
  ['/z', { host: 'port.test:7777' }, 'port'],
  ['/z', { host: 'port.test' }, undefined],
  ['/m', { method: 'DELETE' }, 'method'],
  ['/m', {}, 'anymethod'],
  ['/h', { headers: { 'x-kind': 'TWO' } }, 'header'],
  ['/h', { headers: { 'x-kind': 'one', 'x-more': 'Yes' } }, 'header2'],
  ['/h', { headers: { 'x-kind': 'three' } }, undefined],
  ['/hre', { headers: { 'x-version': 'v12' } }, 'headerre'],
  ['/hre', { headers: { 'x-version': 'w12' } }, undefined],
  ['/x/abc/end/and/further', {}, 'regex'],
  ['/y/x/abc/end', {}, undefined],
  ['/p/12', {}, 'high'],
  ['/two/x', { method: 'PUT' }, 'two'],
  ['/two/x', {}, 'tworegex'],
] as const)('%s with %j goes to %s', (path, more, route) => {
  expect(rules.find(asking(path, more))?.route).toBe(route)
})

test('tells how much matched, and the captures of a regular expression', () => {
  expect(rules.find(asking('/r/one/x'))).toMatchObject({ matched: 6, captures: undefined })
  const found = router({ low: { paths: ['/p/(?<id>\\d+)/(\\w+)'] } }).find(asking('/p/12/abc/rest'))
  expect(found?.matched).toBe(9)
  expect({ ...found?.captures }).toEqual({ 0: '/p/12/abc', 1: '12', 2: 'abc', id: '12' })
})

describe('the tree of prefixes', () => {
  const text = fc.string({ unit: fc.constantFrom('/', 'a', 'b', 'c'), maxLength: 12 })
  test('finds what a scan finds, shortest first', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 20 }), text, (prefixes, path) => {
        const tree = new PrefixTree<string>()
        for (const prefix of prefixes) tree.add(prefix, prefix)
        const found: string[] = []
        tree.walk(path, (value) => found.push(value))
        const scanned = prefixes.filter((prefix) => path.startsWith(prefix)).sort((a, b) => a.length - b.length)
        expect(found).toEqual(scanned)
      }),
    )
  })
})

test('five thousand routes are found as quickly as ten', () => {
  const many = router(Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`r${i}`, { paths: [`/svc-${i}/v1/`] }])))
  const few = router(Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`r${i}`, { paths: [`/svc-${i}/v1/`] }])))
  const spend = (subject: Router<string>) => {
    const began = process.cpuUsage().user
    for (let i = 0; i < 20_000; i++) subject.find(asking(`/svc-${i % 10}/v1/x`))
    return process.cpuUsage().user - began
  }
  const measured = Array.from({ length: 5 }, () => [spend(few), spend(many)] as const).slice(1)
  const least = (at: 0 | 1) => Math.min(...measured.map((pair) => pair[at]))
  // Generous: what is to be caught is a scan, which costs hundreds of times more.
  expect(least(1)).toBeLessThan(least(0) * 4 + 5_000)
})
