import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { silentLog } from '../../../log/log.ts'
import { openRedis } from '../../../redis/open.ts'
import { LocalCounters, SharedCounters } from './counters.ts'

const bucket = { events: 1, overMs: 86_400_000, burst: 3 }
const window = { events: 2, overMs: 86_400_000, kind: 'window' } as const
const slow = { events: 2, overMs: 86_400_000, kind: 'bucket' } as const

const taken = async (times: number, take: () => Promise<boolean>): Promise<boolean[]> => {
  const list: boolean[] = []
  for (let i = 0; i < times; i++) list.push(await take())
  return list
}

test('limits of clients and of the instance are counted apart, and anew when the limit itself changes', async () => {
  const counters = new LocalCounters()
  expect(await taken(4, () => counters.takeOf('otp', 'a', bucket))).toEqual([true, true, true, false])
  expect(await counters.takeOf('otp', 'b', bucket)).toBe(true)
  expect(await counters.takeOf('verify', 'a', bucket)).toBe(true)
  expect(await counters.takeOf('otp', 'a', { ...bucket, burst: 4 })).toBe(true)
  expect(await taken(3, () => counters.take('mail', window))).toEqual([true, true, false])
  expect(await taken(3, () => counters.take('message', slow))).toEqual([true, true, false])
})

const hasRedis = (() => {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

/** Behind a socket in a folder of its own: no port is guessed. */
async function startRedis(folder = mkdtempSync(join(tmpdir(), 'plinth-redis-'))) {
  const url = `unix://${join(folder, 'socket')}`
  const child = spawn('redis-server', ['--port', '0', '--unixsocket', join(folder, 'socket'), '--save', '', '--dir', folder], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (text: Buffer) => /ready to accept connections/i.test(text.toString()) && resolve())
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}`)))
  })
  const stop = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    if (child.kill('SIGKILL')) await ended
  }
  return {
    url,
    folder,
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const shared = async ({ url }: { readonly url: string }, scope = 'http://auth.test') =>
  new SharedCounters(await openRedis(url, silentLog), scope)
/** Until the connection is there, an instance counts by itself: a throw-away limit of one shows when two instances agree. */
async function agree(one: SharedCounters, two: SharedCounters): Promise<void> {
  let round = 0
  await expect
    .poll(
      async () => {
        const name = `probe${round++}`
        return [await one.takeOf(name, 'x', { ...bucket, burst: 1 }), await two.takeOf(name, 'x', { ...bucket, burst: 1 })]
      },
      { timeout: 20_000 },
    )
    .toEqual([true, false])
}

describe.skipIf(!hasRedis)('with Redis (skipped where redis-server is not installed)', () => {
  test('two instances share their limits, another stack does not', async () => {
    await using redis = await startRedis()
    const [one, two, other] = [await shared(redis), await shared(redis), await shared(redis, 'http://other.test')]
    try {
      await agree(one, two)
      expect(await taken(2, () => one.takeOf('otp', 'a', bucket))).toEqual([true, true])
      expect(await taken(2, () => two.takeOf('otp', 'a', bucket))).toEqual([true, false])
      expect(await one.takeOf('otp', 'b', bucket)).toBe(true)
      expect(await other.takeOf('otp', 'a', bucket)).toBe(true)
      expect([await one.take('mail', window), await two.take('mail', window), await one.take('mail', window)]).toEqual([true, true, false])
      expect([await one.take('sms', slow), await two.take('sms', slow), await one.take('sms', slow)]).toEqual([true, true, false])
    } finally {
      await Promise.all([one.close(), two.close(), other.close()])
    }
  })

  test('of a hundred at once as many pass as the limit says', async () => {
    await using redis = await startRedis()
    const [one, two] = [await shared(redis), await shared(redis)]
    try {
      await agree(one, two)
      const results = await Promise.all(Array.from({ length: 100 }, (_, i) => (i % 2 ? one : two).takeOf('otp', 'c', bucket)))
      expect(results.filter(Boolean)).toHaveLength(3)
    } finally {
      await Promise.all([one.close(), two.close()])
    }
  })

  test('an instance counts by itself while Redis is away, and together again when it is back', async () => {
    const first = await startRedis()
    const [one, two] = [await shared(first), await shared(first)]
    try {
      await agree(one, two)
      await first.stop()
      expect(await taken(4, () => one.takeOf('away', 'a', bucket))).toEqual([true, true, true, false])
      await using _again = await startRedis(first.folder)
      await agree(one, two)
    } finally {
      await Promise.all([one.close(), two.close()])
    }
  })
})
