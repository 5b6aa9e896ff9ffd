import { describe, expect, test } from 'vitest'
import { consistentHashing, leastConnections, leastLatency, roundRobin } from './choose.ts'
import { type Limits, Peer } from './peer.ts'

const peers = (...weights: number[]) => weights.map((weight, i) => new Peer(String.fromCharCode(97 + i), 80, weight))
const tally = (count: number, next: (i: number) => Peer | undefined) => {
  const found: Record<string, number> = {}
  for (let i = 0; i < count; i++) {
    const host = next(i)?.host ?? 'none'
    found[host] = (found[host] ?? 0) + 1
  }
  return found
}

describe('round robin', () => {
  test('each gets its share, without runs of the heaviest', () => {
    const choose = roundRobin(peers(300, 100, 0))
    expect(Array.from({ length: 8 }, () => choose([], undefined)?.host).join('')).toBe('aabaaaba')
  })

  test('what is unhealthy or has no weight gets nothing', () => {
    const all = peers(100, 100)
    const choose = roundRobin(all)
    all[0]!.healthy = false
    expect(tally(10, () => choose([], undefined))).toEqual({ b: 10 })
    all[1]!.healthy = false
    expect(choose([], undefined)).toBeUndefined()
    expect(roundRobin(peers(0))([], undefined)).toBeUndefined()
    expect(roundRobin([])([], undefined)).toBeUndefined()
  })
})

describe('least connections', () => {
  test('the idle one, by weight', () => {
    const all = peers(100, 200)
    const choose = leastConnections(all)
    all[1]!.open = 2
    expect(choose([], undefined)?.host).toBe('a')
    all[0]!.open = 2
    expect(choose([], undefined)?.host).toBe('b')
  })

  test('equals take turns, and a next try goes elsewhere', () => {
    const all = peers(100, 100)
    const choose = leastConnections(all)
    expect(tally(10, () => choose([], undefined))).toEqual({ a: 5, b: 5 })
    expect(tally(10, () => choose([all[0]!], undefined))).toEqual({ b: 10 })
    expect(choose(all, undefined)).toBeDefined()
  })
})

test('latency: the quicker of two', () => {
  const all = peers(100, 100)
  all[0]!.tookMs(500, 20_000)
  all[1]!.tookMs(5, 20_000)
  const choose = leastLatency(all, () => 0.4)
  expect(tally(10, () => choose([], undefined))).toEqual({ b: 10 })
})

describe('consistent hashing', () => {
  const users = Array.from({ length: 300 }, (_, i) => `user-${i}`)

  test('the same value comes to the same target, and values spread by weight', () => {
    const all = peers(100, 100, 200)
    const choose = consistentHashing(all, 1000)
    const first = users.map((user) => choose([], user)?.host)
    expect(users.map((user) => choose([], user)?.host)).toEqual(first)
    expect(consistentHashing(peers(100, 100, 200), 1000)([], 'user-7')?.host).toBe(first[7])
    const { a = 0, b = 0, c = 0 } = tally(300, (i) => choose([], users[i]))
    expect(a).toBeGreaterThan(40)
    expect(b).toBeGreaterThan(40)
    expect(c).toBeGreaterThan(100)
  })

  test('when a target goes, only its own values move, and come back with it', () => {
    const all = peers(100, 100, 100)
    const choose = consistentHashing(all, 1000)
    const before = users.map((user) => choose([], user)?.host)
    all[1]!.healthy = false
    const during = users.map((user) => choose([], user)?.host)
    for (const [i, host] of before.entries()) expect(host === 'b' ? during[i] !== 'b' : during[i] === host).toBe(true)
    all[1]!.healthy = true
    expect(users.map((user) => choose([], user)?.host)).toEqual(before)
  })

  test('a next try goes on around the ring; without a value they take turns', () => {
    const all = peers(100, 100)
    const choose = consistentHashing(all, 100)
    const first = choose([], 'x')!
    expect(choose([first], 'x')).not.toBe(first)
    expect(tally(4, () => choose([], undefined))).toEqual({ a: 2, b: 2 })
  })
})

describe('health', () => {
  const limits: Limits = { successes: 2, httpFailures: 3, tcpFailures: 1, timeouts: 0 }

  test('turns at the count, and a success takes the failures back', () => {
    const peer = new Peer('a', 1, 1)
    expect([peer.report('http', limits), peer.report('http', limits), peer.report('success', limits)]).toEqual([false, false, false])
    expect([peer.report('http', limits), peer.report('http', limits), peer.healthy]).toEqual([false, false, true])
    expect([peer.report('http', limits), peer.healthy]).toEqual([true, false])
    expect([peer.report('success', limits), peer.report('http', limits), peer.report('success', limits)]).toEqual([false, false, false])
    expect([peer.report('success', limits), peer.healthy]).toEqual([true, true])
    expect([peer.report('tcp', limits), peer.healthy]).toEqual([true, false])
  })

  test('a count of 0 is a check that is off, also for what speaks well', () => {
    const peer = new Peer('a', 1, 1)
    for (let i = 0; i < 20; i++) peer.report('timeout', limits)
    expect(peer.healthy).toBe(true)
    const off: Limits = { ...limits, successes: 0 }
    for (const outcome of ['http', 'http', 'success', 'http'] as const) peer.report(outcome, off)
    expect(peer.healthy).toBe(false)
  })
})
