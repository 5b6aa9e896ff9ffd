// Realtime beside its limits: one sender to 1,000 sockets beside a bare `ws` server that fans the very same frames out, in alternating
// rounds; how late they are at half of what that server does; the memory of 10,000 sockets that have joined and wait; and changes of a table under
// row level security, from insert to message. The last line is the ratio of the fan-out.
// `npm run bench -- realtime [--sockets 1000] [--rounds 3] [--seconds 4] [--idle 10000] [--burst 5000] [--subscribers 20]`
import { type ChildProcess, spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { WebSocketServer } from 'ws'
import type { createStack as CreateStack } from '../src/create-stack.ts'
import { type ChangesLoad, type ChangesOutcome, changes } from './realtime/changes.ts'
import { type FanOutLoad, type FanOutOutcome, fanOut, idle } from './realtime/fan-out.ts'

const self = fileURLToPath(import.meta.url)
const root = process.env['PLINTH_ROOT'] ?? process.cwd()
const option = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? fallback : Number(process.argv[at + 1])
}
const SECRET = 'a-secret-for-the-bench-of-thirty-two-characters'
const TOPIC = 'realtime:bench'

function token(more: object = {}): string {
  const claims = { role: 'anon', exp: Math.floor(Date.now() / 1_000) + 3_600, ...more }
  const body = [{ alg: 'HS256', typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${body}.${createHmac('sha256', SECRET).update(body).digest('base64url')}`
}

/** One of this file's other modes in a process of its own; resolves with its first line. */
function child(mode: string, input: unknown): Promise<{ line: string; process: ChildProcess }> {
  return new Promise((resolve, reject) => {
    const process_ = spawn(process.execPath, [self, mode, JSON.stringify(input)], { stdio: ['ignore', 'pipe', 'inherit'] })
    let out = ''
    process_.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
      if (out.includes('\n')) resolve({ line: out.trim(), process: process_ })
    })
    process_.on('exit', (code) => reject(new Error(`${mode} ended with ${code}`)))
  })
}

const measure = async (load: FanOutLoad): Promise<FanOutOutcome> => JSON.parse((await child('load-fan-out', load)).line) as FanOutOutcome

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN

/** What a message comes to everybody as: the bare server gets and sends that very text. */
function serveBare(): void {
  const server = createHttpServer()
  const sockets = new WebSocketServer({ server, perMessageDeflate: false })
  sockets.on('connection', (socket) =>
    socket.on('message', (data, isBinary) => {
      for (const other of sockets.clients) other.send(data as Buffer, { binary: isBinary })
    }),
  )
  server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
}

async function startRealtime(database: URL): Promise<{ port: number; process: ChildProcess }> {
  const port = await freePort()
  const process_ = spawn(process.execPath, [join(root, 'dist', 'cli.js'), 'serve', 'realtime'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      PORT: String(port),
      DB_HOST: database.hostname,
      DB_PORT: database.port,
      DB_USER: 'supabase_admin',
      DB_PASSWORD: database.password,
      DB_NAME: database.pathname.slice(1),
      DB_ENC_KEY: 'supabaserealtime',
      API_JWT_SECRET: SECRET,
      METRICS_JWT_SECRET: SECRET,
      SECRET_KEY_BASE: SECRET,
      APP_NAME: 'realtime',
      SEED_SELF_HOST: 'true',
      TENANT_MAX_CONCURRENT_USERS: '1000000',
      TENANT_MAX_EVENTS_PER_SECOND: '1000000000',
      TENANT_MAX_JOINS_PER_SECOND: '1000000',
    },
  })
  process_.stdout.resume()
  for (let tries = 0; tries < 300; tries++) {
    const up = await fetch(`http://127.0.0.1:${port}/healthcheck`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (up) return { port, process: process_ }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('realtime did not start')
}

/** Resident memory in megabytes (Linux). */
const memoryOf = (pid: number | undefined): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1_024

async function main(): Promise<void> {
  const { createStack } = (await import(pathToFileURL(join(root, 'dist', 'index.js')).href)) as { createStack: typeof CreateStack }
  await using stack = await createStack({ env: { PLINTH_SERVICES: 'db' } })
  const [sockets, measureMs] = [option('sockets', 1_000), option('seconds', 4) * 1_000]
  const payload = { type: 'broadcast', event: 'load', payload: { text: 'x'.repeat(100) } }
  const path = `/socket/websocket?vsn=2.0.0&apikey=${token()}`
  const bare = await child('serve-bare', {})
  const realtime = await startRealtime(new URL(stack.dbUrl))
  const ways: { name: string; load: FanOutLoad; perSecond: number[] }[] = [
    {
      name: 'bare ws server',
      load: { port: Number(bare.line), path: '/', message: JSON.stringify([null, null, TOPIC, 'broadcast', payload]), sockets, measureMs },
      perSecond: [],
    },
    {
      name: 'realtime',
      load: {
        port: realtime.port,
        path,
        join: JSON.stringify(['1', '1', TOPIC, 'phx_join', { config: { broadcast: { self: true } } }]),
        message: JSON.stringify(['1', '2', TOPIC, 'broadcast', payload]),
        sockets,
        measureMs,
      },
      perSecond: [],
    },
  ]
  for (let round = 0; round < option('rounds', 3); round++) for (const way of ways) way.perSecond.push((await measure(way.load)).perSecond)
  const rate = median(ways[0]!.perSecond) / 2
  for (const way of ways) {
    const { p50, p99 } = await measure({ ...way.load, rate })
    console.log(
      `${way.name.padEnd(16)} ${median(way.perSecond).toFixed(0).padStart(6)} messages/s to ${sockets} sockets; at ${rate.toFixed(0)} a second p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
    )
  }
  bare.process.kill()
  const waiting = option('idle', 10_000)
  if (waiting > 0) {
    const before = memoryOf(realtime.process.pid)
    const load = await child('load-idle', { port: realtime.port, path, sockets: waiting })
    console.log(`${waiting} idle joined sockets: ${memoryOf(realtime.process.pid).toFixed(0)} MB (${before.toFixed(0)} MB before)`)
    load.process.kill()
  }
  const burst = option('burst', 5_000)
  if (burst > 0) {
    const owner = '11111111-1111-4111-8111-111111111111'
    const paths = Array.from(
      { length: option('subscribers', 20) },
      (_, n) => `/socket/websocket?vsn=2.0.0&apikey=${token({ role: 'authenticated', sub: owner, n })}`,
    )
    const load: ChangesLoad = { port: realtime.port, paths, databaseUrl: stack.dbUrl, owner, perSecond: 200, seconds: 5, burst }
    const outcome = JSON.parse((await child('load-changes', load)).line) as ChangesOutcome
    console.log(
      `changes to ${paths.length} subscribers under RLS: 200 inserts/s p50 ${outcome.p50.toFixed(1)} ms, p99 ${outcome.p99.toFixed(1)} ms, ${outcome.lost} lost; ${burst} rows in one transaction in ${outcome.burstMs.toFixed(0)} ms, ${outcome.burstLost} lost`,
    )
  }
  realtime.process.kill()
  const [limit, ours] = ways.map(({ perSecond }) => median(perSecond)) as [number, number]
  console.log(`ratio ${(ours / limit).toFixed(2)}`)
}

const [mode, input] = process.argv.slice(2)
if (mode === 'serve-bare') serveBare()
else if (mode === 'load-fan-out') {
  console.log(JSON.stringify(await fanOut(JSON.parse(input!) as FanOutLoad)))
  process.exit(0)
} else if (mode === 'load-changes') {
  console.log(JSON.stringify(await changes(JSON.parse(input!) as ChangesLoad)))
  process.exit(0)
} else if (mode === 'load-idle') {
  await idle(JSON.parse(input!) as Parameters<typeof idle>[0])
  console.log('joined')
} else await main()
