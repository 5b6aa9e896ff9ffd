import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Payload, parsePayload } from './parse/payload.ts'
import { parseRequest } from './parse/request.ts'
import { shapeOf } from './parse/shape.ts'
import { cache, config } from './plan/fixtures.ts'
import { PlanCache } from './plan-cache.ts'
import { contextOf, type Prepared, prepare } from './prepare.ts'

interface Asked {
  readonly method?: string
  readonly url: string
  readonly body?: string
  readonly headers?: Record<string, string>
}

const parsed = ({ method = 'GET', url, headers = {} }: Asked) => parseRequest({ method, url, headers }, ['api'], undefined)

function payloadOf(asked: Asked): Payload | undefined {
  if (asked.body === undefined) return undefined
  const context = contextOf(parsed(asked))
  return context === undefined ? undefined : parsePayload(Buffer.from(asked.body), context)
}

/** Planned from scratch, as if there were no cache. */
const fresh = (asked: Asked, payload = payloadOf(asked)): Prepared => prepare(parsed(asked), payload, cache, config)

/** Planned, and learned from. */
function learn(plans: PlanCache, asked: Asked): void {
  const payload = payloadOf(asked)
  const { method = 'GET', headers = {} } = asked
  plans.learn(shapeOf({ method, headers, url: asked.url }), payload, contextOf(parsed(asked)), fresh(asked, payload), (url) =>
    fresh({ ...asked, url }, payload),
  )
}

function recalled(plans: PlanCache, asked: Asked): Prepared | undefined {
  const { method = 'GET', headers = {} } = asked
  return plans.get(shapeOf({ method, headers, url: asked.url }), payloadOf(asked))
}

/** What a request is run with, whichever way it was found. */
const outcome = ({ plan, sql, canonical }: Prepared) => ({
  kind: plan.kind,
  type: plan.type,
  readOnly: plan.readOnly,
  path: plan.request.path,
  preferences: plan.request.preferences,
  window: plan.read.root.window,
  sql,
  canonical,
})

describe('a plan is shared by requests that differ in values only', () => {
  test.each<[Asked, Asked]>([
    [{ url: '/projects?id=eq.1' }, { url: '/projects?id=eq.2' }],
    [{ url: '/projects?id=eq.1' }, { url: '/projects?id=eq.' }],
    [{ url: '/projects?id=not.eq.1&select=id,name' }, { url: '/projects?id=not.eq.a%20b%26c&select=id,name' }],
    [{ url: '/projects?name=like.*a*' }, { url: '/projects?name=like.b%2A' }],
    [{ url: '/projects?name=ilike(any).{*a*,b}' }, { url: '/projects?name=ilike%28any%29.%7B*x*%7D' }],
    [{ url: '/projects?id=in.(1,2)' }, { url: '/projects?id=in.(3,"4,5",6)' }],
    [{ url: '/projects?id=in.(1,2)' }, { url: '/projects?id=in.()' }],
    [{ url: '/projects?id=not.in.(1)&name=eq.x' }, { url: '/projects?id=not.in.%282%29&name=eq.%25y' }],
    [{ url: '/projects?words=fts(english).cat' }, { url: '/projects?words=fts(english).dog%20%26%20mouse' }],
    [{ url: '/projects?name=isdistinct.a' }, { url: '/projects?name=isdistinct.b' }],
    [{ url: '/projects?arr=cs.{1}' }, { url: '/projects?arr=cs.{2,3}' }],
    [{ url: '/projects?data->>n=eq.1' }, { url: '/projects?data->>n=eq.2' }],
    [{ url: '/projects?data-%3E%3En=eq.1' }, { url: '/projects?data-%3E%3En=eq.2' }],
    [
      { url: '/projects?select=*,clients!inner(name)&clients.name=eq.a' },
      { url: '/projects?select=*,clients!inner(name)&clients.name=eq.b' },
    ],
    [{ url: '/projects?id=gte.1&id=lt.9&order=id&limit=2&offset=4' }, { url: '/projects?id=gte.3&id=lt.4&order=id&limit=2&offset=4' }],
    [
      { url: '/projects?id=eq.1', headers: { prefer: 'count=planned' } },
      { url: '/projects?id=eq.7', headers: { prefer: 'count=planned' } },
    ],
    [{ url: '/rpc/add?a=1&b=2' }, { url: '/rpc/add?a=30&b=%C3%A4' }],
    [{ url: '/rpc/add?a=jo.han' }, { url: '/rpc/add?a=a%26b=c' }],
    [{ url: '/rpc/add?a=1&a=2&b=3' }, { url: '/rpc/add?a=4&a=5&b=6' }],
    [{ url: '/projects?name=eq.a&name=neq.b&bare&id=gt.1' }, { url: '/projects?name=eq.%C3%A4&name=neq.%F0%9F%98%80&bare&id=gt.2' }],
    [{ url: '/rpc/plenty?n=1&id=eq.1' }, { url: '/rpc/plenty?n=2&id=eq.3' }],
    [
      { method: 'DELETE', url: '/projects?id=eq.1' },
      { method: 'DELETE', url: '/projects?id=eq.2' },
    ],
    [
      { method: 'PATCH', url: '/projects?id=eq.1', body: '{"name":"a"}' },
      { method: 'PATCH', url: '/projects?id=eq.2', body: '{"name":"bb"}' },
    ],
    [
      { method: 'POST', url: '/projects', body: '{"id":1,"name":"a"}' },
      { method: 'POST', url: '/projects', body: ' {"id":22,"name":"<>"}' },
    ],
    [
      { method: 'POST', url: '/projects?columns=id', body: '[{"id":1}]' },
      { method: 'POST', url: '/projects?columns=id', body: '[{"id":2},{}]' },
    ],
    [
      { method: 'PUT', url: '/projects?id=eq.1', body: '{"id":1,"name":"a"}' },
      { method: 'PUT', url: '/projects?id=eq.2', body: '{"id":2,"name":"b"}' },
    ],
    [
      { method: 'POST', url: '/rpc/add', body: '{"a":1,"b":2}' },
      { method: 'POST', url: '/rpc/add', body: '{"a":3,"b":4}' },
    ],
    [
      { method: 'POST', url: '/rpc/whole', body: '{"x":1}' },
      { method: 'POST', url: '/rpc/whole', body: '{"x":2}' },
    ],
  ])('%j and %j', (first, second) => {
    const plans = new PlanCache()
    learn(plans, first)
    for (const asked of [first, second]) {
      const found = recalled(plans, asked)
      expect(found).toBeDefined()
      expect(outcome(found!)).toEqual(outcome(fresh(asked)))
    }
    expect(plans.size).toBe(1)
  })
})

test.each<[Asked, Asked]>([
  [{ url: '/projects?id=eq.1' }, { url: '/projects?id=neq.1' }],
  [{ url: '/projects?id=eq.1' }, { url: '/projects?id=not.eq.1' }],
  [{ url: '/projects?id=is.null' }, { url: '/projects?id=is.true' }],
  [{ url: '/projects?limit=1' }, { url: '/projects?limit=2' }],
  [{ url: '/projects?id=eq.1' }, { url: '/projects?id=eq.1', headers: { accept: 'text/csv' } }],
  [{ url: '/projects?id=eq.1' }, { url: '/projects?id=eq.1', headers: { prefer: 'count=exact' } }],
  [{ url: '/projects?id=eq.1' }, { url: '/projects?id=eq.1', headers: { range: '0-1' } }],
  [{ url: '/projects?id=eq.1' }, { method: 'HEAD', url: '/projects?id=eq.1' }],
  [{ url: '/projects?or=(id.eq.1)' }, { url: '/projects?or=(id.eq.2)' }],
  [{ url: '/rpc/plenty?n=1' }, { url: '/rpc/plenty?n=eq.1' }],
  [
    { method: 'POST', url: '/projects', body: '{"id":1}' },
    { method: 'POST', url: '/projects', body: '{"name":"a"}' },
  ],
  [
    { method: 'POST', url: '/projects', body: '{"id":1}' },
    { method: 'POST', url: '/projects', body: '[{"id":1}]' },
  ],
])('%j is no plan for %j', (first, second) => {
  const plans = new PlanCache()
  learn(plans, first)
  expect(recalled(plans, second)).toBeUndefined()
})

test('what would be refused is not found either, so that it is refused in the right words', () => {
  const plans = new PlanCache()
  learn(plans, { url: '/projects?id=in.(1,2)' })
  expect(recalled(plans, { url: '/projects?id=in.1' })).toBeUndefined()
})

test('whatever the values are, the plan from the cache is the plan from scratch', () => {
  // Some values come unescaped, with whatever ends a parameter in them.
  const raw = ['1;limit=2', 'a;b', '1&order=id', '1;name=eq.2', 'x;', '+', '=']
  const operator = fc.constantFrom(
    'eq',
    'neq',
    'gt',
    'like',
    'ilike',
    'not.like',
    'fts',
    'cs',
    'eq(any)',
    'match',
    'isdistinct',
    'is',
    'in',
    'or',
    'x',
  )
  const value = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(...raw),
    fc.constantFrom('null', '(1,2)', '(")")', '{a,*}', 'eq.1', 'not.in.(1)', 'is.null', 'in.(x', '\x01', 'a&b=c', '%'),
  )
  const filter = fc.tuple(fc.constantFrom('id', 'name', 'data->>k', 'n', 'and'), operator)
  const escaped = (text: string) => (raw.includes(text) ? text : encodeURIComponent(text))
  const urlOf = (path: string, filters: readonly (readonly [string, string])[], values: readonly string[]) =>
    `${path}?${filters.map(([name, what], index) => `${name}=${what === 'x' ? '' : `${what}.`}${escaped(values[index]!)}`).join('&')}`
  const attempt = (asked: Asked) => {
    try {
      return outcome(fresh(asked))
    } catch {
      return undefined // refused: nothing that a cache may know
    }
  }
  const plans = new PlanCache()
  const wellFormed = (values: readonly string[]) => values.every((text) => !/\p{Surrogate}/u.test(text))
  fc.assert(
    fc.property(
      fc.constantFrom('/projects', '/rpc/plenty'),
      fc.array(filter, { minLength: 1, maxLength: 3 }),
      fc.array(value, { minLength: 3, maxLength: 3 }).filter(wellFormed),
      fc.array(value, { minLength: 3, maxLength: 3 }).filter(wellFormed),
      (path, filters, first, second) => {
        const one = { url: urlOf(path, filters, first) }
        const other = { url: urlOf(path, filters, second) }
        if (attempt(one) !== undefined) learn(plans, one)
        const found = recalled(plans, other)
        if (found !== undefined) expect(outcome(found)).toEqual(attempt(other))
      },
    ),
  )
})

test('the number of plans is bounded, and what is in use stays', () => {
  const plans = new PlanCache()
  const used = { url: '/projects?id=eq.1&select=id' }
  learn(plans, used)
  for (let number = 0; number < 1_500; number++) {
    learn(plans, { url: `/projects?limit=${number}` })
    expect(recalled(plans, used)).toBeDefined()
  }
  expect(plans.size).toBeLessThanOrEqual(PlanCache.SIZE)
  expect(recalled(plans, { url: '/projects?limit=1' })).toBeUndefined()
  expect(recalled(plans, { url: '/projects?limit=1499' })).toBeDefined()
})
