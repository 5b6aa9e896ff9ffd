// The gateway with Kong's file as it runs: reload while requests are under way, services that are late, a plugin of a third party,
// certificates of the file, and what is on the wire when a client or a service goes.
import { EventEmitter, once } from 'node:events'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { readEnv } from '../../src/env/read.ts'
import { Dispatcher } from '../../src/http/dispatch.ts'
import { serveEndpoint } from '../../src/http/server.ts'
import { createLog } from '../../src/log/log.ts'
import { gatewayEnv } from '../../src/services/gateway/env.ts'
import { gateway } from '../../src/services/gateway/index.ts'
import { rawExchange, service, startGateway, startServer } from '../../src/services/gateway/testing.ts'
import { selfSigned } from '../../src/services/gateway/tls/self-signed.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plinth-kong-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const route = (name: string, more: object = {}, plugins: object[] = []) => ({
  name,
  url: 'http://up:80',
  routes: [{ name, paths: [`/${name}`] }],
  plugins,
  ...more,
})
const text = (...services: object[]) => JSON.stringify({ _format_version: '2.1', services })
const hello = (_: IncomingMessage, res: ServerResponse) => void res.end('hello')

describe('a file that changes', () => {
  test('is taken over without losing a request; a wrong one is refused, told, and the one before stays', async () => {
    const file = join(folder, 'kong.yml')
    await writeFile(file, text(route('a')))
    const lines: string[] = []
    const log = createLog({ format: 'json', level: 'info', write: (line) => void lines.push(line) })
    const dispatcher = new Dispatcher()
    service(dispatcher, 'up', 80, hello)
    const env = readEnv(gatewayEnv, { KONG_DECLARATIVE_CONFIG: file, KONG_PROXY_LISTEN: '127.0.0.1:0' })
    const running = await gateway.start(env, { log, dispatcher, signal: new AbortController().signal })
    const server = await serveEndpoint(running.endpoints.find(({ port }) => port === 8000)!, '127.0.0.1', 0)
    const status = async (path: string) => (await fetch(`http://127.0.0.1:${server.port}${path}`)).status
    try {
      let done = false
      const statuses = new Set<number>()
      const traffic = (async () => {
        while (!done) statuses.add(await status('/a'))
      })()
      // Replaced as editors and orchestrators do it.
      await writeFile(`${file}.new`, text(route('a'), route('b')))
      await rename(`${file}.new`, file)
      await vi.waitUntil(async () => (await status('/b')) === 200, { timeout: 20_000 })
      await writeFile(file, text({ ...route('c'), hots: 'x' }))
      await vi.waitUntil(() => lines.some((line) => line.includes('the changed configuration is refused') && line.includes('hots')), {
        timeout: 20_000,
      })
      expect([await status('/b'), await status('/c')]).toEqual([200, 404])
      await writeFile(file, text(route('a'), route('c')))
      await vi.waitUntil(async () => (await status('/c')) === 200, { timeout: 20_000 })
      expect(await status('/b')).toBe(404)
      done = true
      await traffic
      expect([...statuses]).toEqual([200])
    } finally {
      await server.close(0)
      await running.stop()
    }
  })
})

describe('a service of this process', () => {
  test('that does not answer is a 504, and is told that nobody waits any more', async () => {
    await using door = await startGateway({ services: [route('late', { read_timeout: 50 }), route('quick', { read_timeout: 50 })] })
    const events = new EventEmitter()
    const gone = once(events, 'gone')
    let held: ServerResponse | undefined
    service(door.dispatcher, 'up', 80, (req, res) => {
      if (req.headers['x-quick']) return hello(req, res)
      held = res
      res.once('close', () => events.emit('gone'))
    })
    const answer = await fetch(`${door.url}/late`, { headers: { accept: 'application/json' } })
    expect([answer.status, await answer.json()]).toEqual([504, { message: 'The upstream server is timing out' }])
    await gone
    // What it says too late goes nowhere, and breaks nothing.
    held!.setHeader('x', '1')
    held!.writeHead(200).end('late')
    expect((await fetch(`${door.url}/quick`, { headers: { 'x-quick': '1' } })).status).toBe(200)
  })
})

test('a client that goes away cancels the work behind the gateway', async () => {
  const events = new EventEmitter()
  const cut = once(events, 'cut')
  await using far = await startServer((req, res) => {
    req.on('close', () => events.emit('cut'))
    res.write('…')
  })
  await using door = await startGateway({ services: [route('far', { url: far.url })] })
  const leave = new AbortController()
  // The head is there while the body still goes on.
  await fetch(`${door.url}/far`, { signal: leave.signal })
  leave.abort()
  await cut
})

test('CONNECT gets an answer', async () => {
  await using door = await startGateway({ services: [route('a')] })
  expect(await rawExchange(door.port, 'CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n')).toMatch(/^HTTP\/1\.1 405 /)
})

describe('plugins of a third party', () => {
  const kept = pathToFileURL(join(import.meta.dirname, '../../dist/gateway-plugin.js')).href
  const zod = pathToFileURL(join(import.meta.dirname, '../../node_modules/zod/index.js')).href
  const source = (name: string) => `
    import { definePlugin, wholeBody } from '${kept}'
    import { z } from '${zod}'
    export const plugin = definePlugin({
      name: '${name}',
      priority: 500,
      config: z.strictObject({ word: z.string().min(1) }),
      phases: ({ word }) => ({
        access: (exchange) => (exchange.headers.has('x-stop') ? exchange.refuse(418, word) : void exchange.setHeader('X-Word', word)),
        headers: (_, { headers }) => { headers.set('X-Answered', word); headers.remove('content-length') },
        body: () => wholeBody(1000, (body) => Buffer.from(body.toString().toUpperCase())),
      }),
    })`

  test('are loaded by name, run in their place, and have their configuration checked', async () => {
    const dir = join(folder, 'plugins')
    await mkdir(dir)
    await writeFile(join(dir, 'shout.mjs'), source('shout'))
    const variables = { KONG_PLUGINS: 'bundled,shout', PLINTH_GATEWAY_PLUGIN_DIR: dir }
    await using door = await startGateway({ services: [route('a', {}, [{ name: 'shout', config: { word: 'tea' } }])] }, variables)
    service(door.dispatcher, 'up', 80, (req, res) => void res.end(`word ${String(req.headers['x-word'])}`))
    const answer = await fetch(`${door.url}/a`)
    expect([answer.headers.get('x-answered'), await answer.text()]).toEqual(['tea', 'WORD TEA'])
    expect((await fetch(`${door.url}/a`, { headers: { 'x-stop': '1' } })).status).toBe(418)
    await expect(startGateway({ services: [route('a', {}, [{ name: 'shout', config: { word: '' } }])] }, variables)).rejects.toThrow(
      /in 'word': length must be at least 1/,
    )
    await expect(startGateway({ services: [route('a', {}, [{ name: 'shout', config: { word: 'x' } }])] })).rejects.toThrow(
      /plugin 'shout' not enabled/,
    )
  })

  test.each(['access', 'headers', 'body', 'write', 'log'])('that fail in %s end their request and nothing else', async (phase) => {
    const dir = await mkdtemp(join(folder, 'p-'))
    const fails = `() => { throw new Error('a bug') }`
    const phases = phase === 'write' ? `body: () => ({ write: ${fails}, end: ${fails} })` : `${phase}: ${fails}`
    await writeFile(
      join(dir, 'bad.mjs'),
      `import { definePlugin } from '${kept}'
       import { z } from '${zod}'
       export const plugin = definePlugin({ name: 'bad', priority: 1, config: z.strictObject({}), phases: () => ({ ${phases} }) })`,
    )
    await using far = await startServer((_, res) => {
      res.write('secret ')
      res.end('text')
    })
    await using door = await startGateway(
      { services: [route('here', {}, [{ name: 'bad' }]), route('far', { url: far.url }, [{ name: 'bad' }]), route('well')] },
      { KONG_PLUGINS: 'bundled,bad', PLINTH_GATEWAY_PLUGIN_DIR: dir },
    )
    service(door.dispatcher, 'up', 80, (_, res) => {
      res.write('secret ')
      setImmediate(() => res.end('text'))
    })
    for (const path of ['/here', '/far']) {
      const answer = await rawExchange(door.port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
      if (phase === 'log') expect(answer).toContain('secret ')
      else expect(answer).not.toContain('secret ')
      if (phase === 'access') expect(answer).toMatch(/^HTTP\/1\.1 500 /)
      if (phase === 'headers') expect(answer).toBe('')
    }
    expect(await (await fetch(`${door.url}/well`)).text()).toBe('secret text')
  })

  test.each([
    ['nowhere', undefined, /enabled but not installed: there is no nowhere\.js/],
    ['broken', 'export const plugin = (', /'broken' cannot be loaded/],
    ['other', source('another'), /calls its plugin 'another'/],
    ['empty', 'export const plugin = { name: "empty" }', /exports no 'plugin' made by definePlugin/],
    ['../up', undefined, /is no name of a plugin/],
  ])('%s is refused at the start', async (name, module, message) => {
    const dir = await mkdtemp(join(folder, 'p-'))
    if (module !== undefined) await writeFile(join(dir, `${name}.mjs`), module)
    await expect(startGateway({ services: [] }, { KONG_PLUGINS: `bundled,${name}`, PLINTH_GATEWAY_PLUGIN_DIR: dir })).rejects.toThrow(
      message,
    )
  })
})

describe('certificates of the file', () => {
  const own = selfSigned(['api.example.test'])
  const other = selfSigned(['other.example.test'])
  const file = (key: string) => ({ certificates: [{ cert: own.cert, key, snis: [{ name: 'api.example.test' }] }] })

  test('are served by the name that a client asks for', async () => {
    const env = readEnv(gatewayEnv, {
      KONG_PROXY_LISTEN: '127.0.0.1:0 ssl',
      KONG_DECLARATIVE_CONFIG_STRING: JSON.stringify({ _format_version: '2.1', ...file(own.key) }),
    })
    const log = createLog({ format: 'json', level: 'error', write: () => {} })
    const running = await gateway.start(env, { log, dispatcher: new Dispatcher(), signal: new AbortController().signal })
    const server = await serveEndpoint(running.endpoints.find(({ tls }) => tls)!, '127.0.0.1', 0)
    try {
      const subject = async (servername: string) => {
        const socket = tlsConnect({ host: '127.0.0.1', port: server.port, servername, rejectUnauthorized: false })
        await once(socket, 'secureConnect')
        const { CN } = socket.getPeerCertificate().subject
        socket.destroy()
        return CN
      }
      expect([await subject('api.example.test'), await subject('else.example.test')]).toEqual(['api.example.test', 'localhost'])
    } finally {
      await server.close(0)
      await running.stop()
    }
  })

  test('with another’s key are refused, and the key is not in the message', async () => {
    const refused = startGateway(file(other.key))
    await expect(refused).rejects.toThrow(/in 'key': certificate does not match key/)
    await expect(refused).rejects.not.toThrow(/BEGIN/)
  })
})
