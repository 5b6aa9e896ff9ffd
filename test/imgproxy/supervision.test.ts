// The process of the image library: started when needed, ended when idle, replaced when it crashes, and nobody else is hurt.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { quarters, startImgproxy, type TestImgproxy } from '../support/imgproxy-service.ts'

const picture = await quarters().png().toBuffer()
let server: Server | undefined
afterEach(() => new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve())))

/** A source whose answers the test decides. */
async function source(answer: (req: IncomingMessage, res: ServerResponse) => void): Promise<(name: string) => string> {
  server = createServer(answer)
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return (name) => `/x/w:20/plain/${encodeURIComponent(`${origin}/${name}`)}`
}

const kill = ({ service }: TestImgproxy): boolean => process.kill(service.pool.pid!, 'SIGKILL')

test('there is no process before the first picture, and none long after the last', async () => {
  await using proxy = await startImgproxy({ PLINTH_IMGPROXY_IDLE_TIMEOUT: '0.2' })
  let pid: number | undefined
  const from = await source((_, res) => {
    // While it works: by the time of the answer it may have ended.
    pid = proxy.service.pool.pid
    res.end(picture)
  })
  expect(proxy.service.pool.pid).toBeUndefined()
  expect((await proxy.get(from('a.png'))).status).toBe(200)
  expect(pid).toBeTypeOf('number')
  await expect.poll(() => proxy.service.pool.pid, { timeout: 20_000 }).toBeUndefined()
  expect(() => process.kill(pid!, 0)).toThrow()
  expect((await proxy.get(from('a.png'))).status).toBe(200)
})

test('a process that is killed between two pictures is replaced by the second', async () => {
  await using proxy = await startImgproxy()
  const from = await source((_, res) => res.end(picture))
  expect((await proxy.get(from('a.png'))).status).toBe(200)
  const { pid } = proxy.service.pool
  kill(proxy)
  await expect.poll(() => proxy.service.pool.pid, { timeout: 20_000 }).toBeUndefined()
  expect((await proxy.get(from('a.png'))).status).toBe(200)
  expect(proxy.service.pool.pid).not.toBe(pid)
})

test('jobs in the middle of a crash begin again; the one that crashes it twice is refused alone', async () => {
  await using proxy = await startImgproxy({ IMGPROXY_CONCURRENCY: '4' })
  let neighbours = 0
  let allHere = (): void => {}
  const here = new Promise<void>((resolve) => {
    allHere = resolve
  })
  const from = await source((req, res) => {
    if (req.url !== '/deadly.png') {
      if (++neighbours === 2) allHere()
      if (neighbours > 2) res.end(picture)
      return
    }
    // Once the neighbours are at work, and again when it is tried alone.
    void here.then(() => {
      kill(proxy)
      res.destroy()
    })
  })
  const [deadly, ...others] = await Promise.all([proxy.get(from('deadly.png')), proxy.get(from('one.png')), proxy.get(from('two.png'))])
  expect([deadly.status, await deadly.text()]).toEqual([422, 'Invalid source image'])
  expect(others.map(({ status }) => status)).toEqual([200, 200])
  await expect(proxy.service.health()).resolves.toBeUndefined()
})

test('who comes when the queue is full is sent away at once', async () => {
  await using proxy = await startImgproxy({ IMGPROXY_CONCURRENCY: '1', IMGPROXY_REQUESTS_QUEUE_SIZE: '1' })
  const held: ServerResponse[] = []
  const from = await source((_, res) => void held.push(res))
  const first = proxy.get(from('1.png'))
  await expect.poll(() => held.length, { timeout: 20_000 }).toBe(1)
  const second = proxy.get(from('2.png'))
  await expect.poll(() => proxy.service.pool.load, { timeout: 20_000 }).toEqual({ running: 1, waiting: 1 })
  const third = await proxy.get(from('3.png'))
  expect([third.status, await third.text()]).toEqual([429, 'Too many requests'])
  held[0]!.end(picture)
  expect((await first).status).toBe(200)
  await expect.poll(() => held.length, { timeout: 20_000 }).toBe(2)
  held[1]!.end(picture)
  expect((await second).status).toBe(200)
})

test('a client that leaves takes its waiting job along', async () => {
  await using proxy = await startImgproxy({ IMGPROXY_CONCURRENCY: '1' })
  const held: ServerResponse[] = []
  const from = await source((_, res) => void held.push(res))
  const first = proxy.get(from('1.png'))
  await expect.poll(() => held.length, { timeout: 20_000 }).toBe(1)
  const leaving = new AbortController()
  const second = fetch(`${proxy.url}${from('2.png')}`, { signal: leaving.signal }).catch(() => undefined)
  await expect.poll(() => proxy.service.pool.load.waiting, { timeout: 20_000 }).toBe(1)
  leaving.abort()
  await second
  await expect.poll(() => proxy.service.pool.load.waiting, { timeout: 20_000 }).toBe(0)
  held[0]!.end(picture)
  expect((await first).status).toBe(200)
})

test('stop ends the process, and whoever waits is told', async () => {
  await using proxy = await startImgproxy()
  const held: ServerResponse[] = []
  const from = await source((_, res) => void held.push(res))
  const waiting = proxy.get(from('1.png'))
  await expect.poll(() => held.length, { timeout: 20_000 }).toBe(1)
  const { pid } = proxy.service.pool
  await proxy.service.stop()
  expect((await waiting).status).toBe(500)
  expect(() => process.kill(pid!, 0)).toThrow()
})
