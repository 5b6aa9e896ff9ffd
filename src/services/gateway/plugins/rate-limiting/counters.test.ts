import { execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { silentLog } from '../../../../log/log.ts'
import { openRedis, type Redis } from '../../../../redis/open.ts'
import { type Count, type Counters, LocalCounters } from './counters.ts'
import { RedisCounters, redisSettings } from './policy.ts'
import { contradictions, windowAt } from './windows.ts'

const hasRedis = (() => {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    // Not on this machine: its tests are skipped.
    return false
  }
})()

const now = Date.now()
const count = (key: string, limit: number, period: Count['period'] = 'year'): Count => ({ key, period, limit, ...windowAt(period, now) })

function behaves(counters: () => Counters): void {
  test('counts until a window is used up, and then nothing more in any', async () => {
    const windows = [count('a', 2), count('a', 5, 'month')]
    expect(await counters().take(windows, 1)).toEqual([0, 0])
    expect(await counters().take(windows, 1)).toEqual([1, 1])
    expect(await counters().take(windows, 1)).toEqual([2, 2])
    expect(await counters().read(windows)).toEqual([2, 2])
    expect(await counters().take([count('b', 2)], 1)).toEqual([0])
    await counters().add([count('b', 2)], 5)
    expect(await counters().read([count('b', 2)])).toEqual([6])
  })

  test('requests at the same moment cannot all take the last place', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => counters().take([count('c', 7)], 1)))
    expect(all.filter(([before]) => before! < 7)).toHaveLength(7)
  })
}

describe('in this process', () => {
  const local = new LocalCounters()
  behaves(() => local)

  test('the number of windows is bounded', () => {
    const many = new LocalCounters()
    for (let i = 0; i < 250_000; i++) many.take([count(`k${i}`, 9)], 1)
    expect(many.read([count('k249999', 9)])).toEqual([1])
    expect(many.read([count('k0', 9)])).toEqual([0])
  })
})

describe.skipIf(!hasRedis)('in Redis (skipped without redis-server)', () => {
  let folder: string
  let child: ReturnType<typeof spawn>
  let redis: Redis
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plinth-redis-'))
    const socket = join(folder, 'socket')
    child = spawn('redis-server', ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', folder], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    await new Promise<void>((resolve, reject) => {
      child.stdout!.on('data', (text: Buffer) => /ready to accept connections/i.test(text.toString()) && resolve())
      child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}`)))
    })
    redis = await openRedis(`unix://${socket}`, silentLog)
    await vi.waitUntil(() => redis.run('return 1', 'k', []).catch(() => 0), { timeout: 20_000 })
  })
  afterAll(async () => {
    await redis.close()
    const ended = new Promise((resolve) => child.once('exit', resolve))
    if (child.kill('SIGKILL')) await ended
    await rm(folder, { recursive: true, force: true })
  })
  behaves(() => new RedisCounters(() => Promise.resolve(redis)))

  test('windows end by themselves', async () => {
    const window = count('d', 5)
    await new RedisCounters(() => Promise.resolve(redis)).take([window], 1)
    const left = Number(await redis.run("return redis.call('TTL', KEYS[1])", `${window.key}:${window.start}:year`, []))
    expect(Math.abs(left - (window.end - now) / 1000)).toBeLessThan(300)
  })
})

test.each([
  ['second', '2026-11-23T23:40:34.567Z', '2026-11-23T23:40:34.000Z', '2026-11-23T23:40:35.000Z'],
  ['hour', '2026-11-23T23:40:34.567Z', '2026-11-23T23:00:00.000Z', '2026-11-24T00:00:00.000Z'],
  ['day', '2026-02-28T23:40:34.567Z', '2026-02-28T00:00:00.000Z', '2026-03-01T00:00:00.000Z'],
  ['month', '2026-12-31T23:59:59.999Z', '2026-12-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
  ['year', '2026-06-15T00:00:00.000Z', '2026-01-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
] as const)('the %s of %s', (period, at, start, end) => {
  expect(windowAt(period, Date.parse(at))).toEqual({ start: Date.parse(start), end: Date.parse(end) })
})

test('a longer period may not have a lower limit', () => {
  expect(contradictions({ minute: 5, hour: 5, year: 4 })).toEqual([
    'The limit for year(4.0) cannot be lower than the limit for minute(5.0)',
    'The limit for year(4.0) cannot be lower than the limit for hour(5.0)',
  ])
})

test.each([
  [{ redis_host: 'r' }, 'redis://r:6379'],
  [{ redis_host: 'r', redis_port: 7000, redis_password: 'p:/@', redis_database: 2, redis_ssl: true }, 'rediss://:p%3A%2F%40@r:7000/2'],
  [{ redis: { host: 'x', username: 'u', password: 'p' } }, 'redis://u:p@x:6379'],
])('%j is %s', async (fields, url) => {
  const { z } = await import('zod')
  const { redisFields } = await import('./policy.ts')
  expect(redisSettings(z.object(redisFields).parse(fields))).toBe(url)
})
