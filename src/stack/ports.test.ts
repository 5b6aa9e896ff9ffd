import { createServer, type Server } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { PublishedPort } from './description.ts'
import { freePort, isFree, takenPorts } from './ports.ts'

const servers: Server[] = []
afterEach(() => Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve)))))

const listen = async (host: string): Promise<number> => {
  const server = createServer()
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return (server.address() as { port: number }).port
}
const published = (port: number, setting: string): PublishedPort => ({ host: '127.0.0.1', port, node: 'gateway', setting, label: 'API' })

test.each(['127.0.0.1', '0.0.0.0'])('a listener on %s takes the port, and is named', async (host) => {
  const port = await listen(host)
  expect(await isFree('127.0.0.1', port)).toBe(false)
  const [taken] = await takenPorts([published(port, '[api] port')])
  expect(taken).toMatchObject({ published: { port }, ...(process.platform === 'linux' ? { pid: process.pid, command: 'node' } : {}) })
})

test('two settings with one number are twins', async () => {
  const port = await freePort()
  const [taken, ...more] = await takenPorts([published(port, '[api] port'), published(port, '[db] port')])
  expect([taken?.published.setting, taken?.twin?.setting, more]).toEqual(['[db] port', '[api] port', []])
})

test('free ports and port 0 are free', async () => {
  expect(await takenPorts([published(await freePort(), 'a'), published(0, 'b'), published(0, 'c')])).toEqual([])
})
