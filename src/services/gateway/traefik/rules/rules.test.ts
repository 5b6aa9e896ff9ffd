import fc from 'fast-check'
import { expect, test } from 'vitest'
import '../../../../../test/support/seed.ts'
import { compileRule, hostsOfRule, type RuleSyntax } from './compile.ts'
import { type Asked, matchersV3 } from './matchers.ts'
import { parseRule, printRule, type Rule, RuleError } from './parse.ts'
import { RuleRouter } from './router.ts'

interface Given {
  readonly method?: string
  readonly host?: string
  readonly path?: string
  readonly peer?: string
  readonly headers?: Readonly<Record<string, string[]>>
  readonly query?: Readonly<Record<string, string[]>>
}

const asked = ({ method = 'GET', host = 'a.test', path = '/', peer = '127.0.0.1', headers = {}, query = {} }: Given): Asked => ({
  method,
  canonicalHost: host,
  routingPath: path,
  peer,
  headerValues: (key) => headers[key] ?? [],
  queryValues: (key) => query[key],
})

test.each<[RuleSyntax, string, Given, boolean]>([
  ['v3', 'Host(`a.test`)', { host: 'a.test' }, true],
  ['v3', 'host(`A.test`)', { host: 'a.test' }, true],
  ['v3', 'HOST(`a.test.`)', { host: 'a.test' }, true],
  ['v3', 'Host(`a.test`)', { host: 'a.test.' }, true],
  ['v3', 'Host(`*.a.test`)', { host: 'x.a.test' }, true],
  ['v3', 'Host(`*.a.test`)', { host: 'y.x.a.test' }, false],
  ['v3', 'Host(`*.a.test`)', { host: 'a.test' }, false],
  ['v3', 'Host(`*`)', { host: '' }, true],
  ['v3', 'HostRegexp(`^[a-z]+\\.test$`)', { host: 'abc.test' }, true],
  ['v3', 'PathPrefix(`/a`) && !Method(`PUT`)', { path: '/abc' }, true],
  ['v3', 'PathPrefix(`/a`) && !Method(`PUT`)', { path: '/abc', method: 'PUT' }, false],
  ['v3', '!(Path(`/a`) || Path(`/b`))', { path: '/b' }, false],
  ['v3', 'Path(`/a`) || Path(`/b`) && Method(`PUT`)', { path: '/a' }, true],
  ['v3', '(Path(`/a`) || Path(`/b`)) && Method(`PUT`)', { path: '/a' }, false],
  ['v3', 'PathRegexp(`(?i)^/API/[[:digit:]]+\\z`)', { path: '/api/12' }, true],
  ['v3', 'Header(`X-A`, `1`)', { headers: { 'x-a': ['0', '1'] } }, true],
  ['v3', 'HeaderRegexp(`X-A`, `^1`)', { headers: { 'x-a': ['01'] } }, false],
  ['v3', 'Query(`q`)', { query: { q: ['1'] } }, false],
  ['v3', 'Query(`q`)', { query: { q: [''] } }, true],
  ['v3', 'QueryRegexp(`q`, `^\\d+$`)', { query: { q: ['x', '7'] } }, true],
  ['v3', 'ClientIP(`10.0.0.0/8`)', { peer: '10.2.3.4' }, true],
  ['v3', 'ClientIP(`::1`)', { peer: '10.2.3.4' }, false],
  ['v2', 'Host(`a.test`, `b.test`)', { host: 'b.test' }, true],
  ['v2', 'HostHeader(`b.test`)', { host: 'b.test' }, true],
  ['v2', 'HostRegexp(`{sub:[a-z]+}.a.test`)', { host: 'x.a.test' }, true],
  ['v2', 'HostRegexp(`{sub:[a-z]+}.a.test`)', { host: '1.a.test' }, false],
  ['v2', 'Path(`/users/{id:[0-9]+}`)', { path: '/users/12' }, true],
  ['v2', 'Path(`/users/{id:[0-9]+}`)', { path: '/users/12/x' }, false],
  ['v2', 'PathPrefix(`/a/{any}/c`)', { path: '/a/b/cd' }, true],
  ['v2', 'Method(`GET`, `POST`)', { method: 'POST' }, true],
  ['v2', 'Headers(`X-A`, `1`)', { headers: { 'x-a': ['1'] } }, true],
  ['v2', 'HeadersRegexp(`X-A`, `^[0-9]$`)', { headers: { 'x-a': ['12'] } }, false],
  ['v2', 'Query(`a=1`, `b={any:.+}`)', { query: { a: ['1'], b: ['x'] } }, true],
  ['v2', 'Query(`a=1`)', { query: { a: ['2'] } }, false],
])('%s %s with %j: %s', (syntax, rule, given, matches) => {
  expect(compileRule(rule, syntax).matches(asked(given))).toBe(matches)
})

test.each<[RuleSyntax, string, string]>([
  ['v3', 'Host(`a`, `b`)', 'unexpected number of parameters; got 2, expected one of [1]'],
  ['v3', 'Path(`x`)', `path "x" does not start with a '/'`],
  ['v3', 'Foo(`x`)', 'unsupported function: Foo'],
  ['v3', 'Host()', 'no args for matcher Host'],
  ['v3', 'Host(``)', 'empty args for matcher Host'],
  ['v3', 'Host(`a`) &&', 'unexpected end of the rule'],
  ['v3', 'Host(`a', 'raw string literal not terminated'],
  ['v3', 'HostRegexp(`(`)', 'missing closing )'],
  ['v3', 'PathRegexp(`(?=x)`)', 'invalid or unsupported Perl syntax'],
  ['v3', 'ClientIP(`nonsense`)', 'initializing IP checker'],
  ['v2', 'Headers(`X-A`)', 'multiple of 2'],
  ['v2', 'Path(`/{id`)', 'unbalanced braces'],
])('%s %s is refused: %s', (syntax, rule, reason) => {
  expect(() => compileRule(rule, syntax)).toThrow(reason)
})

test('the names for a certificate are those of Host', () => {
  expect(hostsOfRule('(Host(`A.test`) || Host(`b.test`)) && !Host(`c.test`) && PathPrefix(`/x`)')).toEqual(['a.test', 'b.test'])
  expect(hostsOfRule('Nonsense(')).toEqual([])
})

const value = fc.stringMatching(/^[^`"\\\n]{1,8}$/)
const rule: fc.Arbitrary<Rule> = fc.letrec<{ rule: Rule }>((tie) => ({
  rule: fc.oneof(
    { maxDepth: 4 },
    fc.record({
      kind: fc.constant('matcher' as const),
      name: fc.constantFrom(...matchersV3.keys()),
      values: fc.array(value, { minLength: 1, maxLength: 2 }),
      not: fc.boolean(),
    }),
    fc.record({ kind: fc.constantFrom('and' as const, 'or' as const), left: tie('rule'), right: tie('rule') }),
  ),
})).rule

test('what is printed parses back', () => {
  fc.assert(
    fc.property(rule, (tree) => {
      expect(parseRule(printRule(tree), new Set(matchersV3.keys()))).toEqual(tree)
    }),
  )
})

test('any text is a rule or a RuleError', () => {
  const text = fc.oneof(
    fc.string(),
    fc.array(fc.constantFrom('Host', '(', ')', '`a`', '"a"', '&&', '||', '!', ',', ' ', '`', '\\')).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(text, fc.constantFrom<RuleSyntax>('v2', 'v3'), (given, syntax) => {
      try {
        compileRule(given, syntax)
      } catch (error) {
        expect(error).toBeInstanceOf(RuleError)
      }
    }),
  )
})

test('the index finds what going through all rules finds', () => {
  const simple = fc.constantFrom(
    'Host(`a.test`)',
    'Host(`b.test`) && PathPrefix(`/x`)',
    'PathPrefix(`/x`)',
    'PathPrefix(`/x/y`)',
    'Path(`/x`)',
    'PathPrefix(`/`)',
    'Host(`a.test`) || Host(`b.test`)',
    'Host(`a.test`) || PathPrefix(`/x`)',
    '!Host(`a.test`)',
    'Method(`PUT`)',
    'Host(`*.test`)',
  )
  const routes = fc.array(fc.record({ text: simple, priority: fc.integer({ min: 1, max: 4 }) }), { maxLength: 12 })
  const request = fc.record({
    host: fc.constantFrom('a.test', 'b.test', 'c.test', 'a.test.'),
    path: fc.constantFrom('/', '/x', '/x/y/z', '/xy', '/other'),
    method: fc.constantFrom('GET', 'PUT'),
  })
  fc.assert(
    fc.property(routes, request, (given, wanted) => {
      const ranked = given.map(({ text, priority }, rank) => ({ rule: compileRule(text, 'v3'), priority, rank, value: rank }))
      const question = asked(wanted)
      const straight = ranked.toSorted((a, b) => b.priority - a.priority || a.rank - b.rank).find((one) => one.rule.matches(question))
      expect(new RuleRouter(ranked).find(question)).toBe(straight?.value)
    }),
  )
})
