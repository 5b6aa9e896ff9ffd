import { describe, expect, test } from 'vitest'
import { TopicPresence } from './presence.ts'

function topic(watchers = 1) {
  const diffs: {
    joins: Record<string, { metas: Record<string, unknown>[] }>
    leaves: Record<string, { metas: Record<string, unknown>[] }>
  }[] = []
  let wake = () => {}
  const presence = new TopicPresence(
    () => watchers,
    (payload) => {
      diffs.push(JSON.parse(payload))
      wake()
    },
  )
  const next = () =>
    new Promise<void>((resolve) => {
      wake = resolve
    })
  return { presence, diffs, next, state: () => JSON.parse(presence.state()) }
}

describe('presence', () => {
  test('who comes under another key is under the one before no more', async () => {
    const { presence, diffs, next, state } = topic()
    presence.track('who', 'a', '{"n":1}', 'one')
    await next()
    presence.track('who', 'b', '{"n":1}', 'two')
    await next()
    expect(state()).toEqual({ b: { metas: [{ n: 1, phx_ref: 'two' }] } })
    expect(diffs[1]).toEqual({ joins: { b: { metas: [{ n: 1, phx_ref: 'two' }] } }, leaves: { a: { metas: [{ n: 1, phx_ref: 'one' }] } } })
  })
  test('joins, updates and leaves are told as Phoenix tells them', async () => {
    const { presence, diffs, next, state } = topic()
    const who = {}
    presence.track(who, 'a', '{"n":1.5}')
    await next()
    expect(diffs[0]).toEqual({
      joins: { a: { metas: [{ n: 1.5, phx_ref: expect.stringMatching(/^[\w-]{20}$/) }] } },
      leaves: {},
    })
    const [first] = diffs[0]!.joins['a']!.metas
    presence.track(who, 'a', ' { } ')
    await next()
    expect(diffs[1]!.leaves['a']!.metas).toEqual([first])
    expect(diffs[1]!.joins['a']!.metas).toEqual([{ phx_ref: expect.any(String), phx_ref_prev: first!['phx_ref'] }])
    expect(Object.keys(state().a.metas[0])).toEqual(['phx_ref', 'phx_ref_prev'])
    presence.leave(who)
    await next()
    expect(diffs[2]!.leaves['a']!.metas).toHaveLength(1)
    expect([state(), presence.empty]).toEqual([{}, true])
  })
  test('digits of numbers stay', () => {
    const { presence } = topic()
    presence.track({}, 'a', '{"n":12345678901234567890.10}')
    expect(presence.state()).toContain('"n":12345678901234567890.10')
  })
  test('the same payload, however it is written, changes nothing', () => {
    const { presence } = topic()
    const who = {}
    expect(presence.track(who, 'a', '{"x":1,"y":[]}')).toBe(true)
    expect(presence.track(who, 'a', '{ "y":[], "x":1 }')).toBe(false)
    expect(presence.track({}, 'a', '{"x":1,"y":[]}')).toBe(true)
  })
  test('a client cannot name its own phx_ref', () => {
    const { presence, state } = topic()
    presence.track({}, 'a', '{"phx_ref":"mine"}')
    expect(state().a.metas[0].phx_ref).not.toBe('mine')
  })
  test('a crowd that goes at once is told at once', async () => {
    const { presence, diffs, next, state } = topic(1_000)
    const crowd = Array.from({ length: 500 }, () => ({}))
    for (const [i, who] of crowd.entries()) presence.track(who, `k${i}`, '{}')
    await next()
    expect(Object.keys(diffs[0]!.joins)).toHaveLength(500)
    for (const who of crowd) presence.leave(who)
    await next()
    expect(diffs).toHaveLength(2)
    expect(state()).toEqual({})
  })
  test('names like __proto__ are keys like any other', () => {
    const { presence } = topic()
    presence.track({}, '__proto__', '{"a":1}')
    expect(presence.state()).toContain('"__proto__":{"metas":[{"a":1')
  })
})
