// What the gateway costs: one trivial handler answered by a bare Node server, through the gateway in this process (key, ACL, CORS and
// request-transformer on), and through the gateway over a socket, in alternating rounds. `npm run bench -- gateway [ROUNDS]`
import { fork } from 'node:child_process'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { readEnv } from '../src/env/read.ts'
import { Dispatcher } from '../src/http/dispatch.ts'
import { serveEndpoint } from '../src/http/server.ts'
import { silentLog } from '../src/log/log.ts'
import { gatewayEnv } from '../src/services/gateway/env.ts'
import { gateway } from '../src/services/gateway/index.ts'

const CONNECTIONS = 32
const ROUND_MS = 2_000
const KEY = 'sb_publishable_benchmark'
const BODY = JSON.stringify(Array.from({ length: 10 }, (_, id) => ({ id, task: 'a row of ten' })))

const answer: RequestListener = (_, res) => {
  res.writeHead(200, ['Content-Type', 'application/json; charset=utf-8', 'Content-Length', String(BODY.length)])
  res.end(BODY)
}

/** Requests on CONNECTIONS sockets, each as soon as the one before is answered, for ROUND_MS. Runs in a process of its own. */
async function load(port: number): Promise<number> {
  const request = Buffer.from(
    `GET /rest/v1/todos?select=id,task&limit=10 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\napikey: ${KEY}\r\nAuthorization: Bearer ${KEY}\r\nAccept: */*\r\nAccept-Encoding: gzip\r\nUser-Agent: bench\r\nX-Client-Info: supabase-js/2\r\n\r\n`,
  )
  const end = performance.now() + ROUND_MS
  let answered = 0
  await Promise.all(
    Array.from(
      { length: CONNECTIONS },
      () =>
        new Promise<void>((resolve, reject) => {
          let left = 0
          const socket = connect(port, '127.0.0.1', () => socket.write(request))
          socket.setNoDelay(true)
          socket.on('error', reject)
          socket.on('data', (chunk) => {
            if (left === 0) {
              const text = chunk.toString('latin1')
              const head = text.indexOf('\r\n\r\n')
              const length = /content-length: (\d+)/i.exec(text)
              if (head < 0 || !length || !text.startsWith('HTTP/1.1 200'))
                return reject(new Error(`unexpected answer: ${text.slice(0, 200)}`))
              left = head + 4 + Number(length[1])
            }
            left -= chunk.length
            if (left > 0) return
            answered++
            if (performance.now() < end) socket.write(request)
            else socket.end(resolve)
          })
        }),
    ),
  )
  return answered / (ROUND_MS / 1_000)
}

async function startGateway(origin: string | undefined): Promise<{ port: number; stop: () => Promise<void> }> {
  const dispatcher = new Dispatcher()
  const env = readEnv(gatewayEnv, {
    KONG_PROXY_LISTEN: '127.0.0.1:0',
    KONG_DECLARATIVE_CONFIG: join(process.env['PLINTH_ROOT'] ?? process.cwd(), 'src/services/gateway/defaults/self-hosted.yml'),
    SUPABASE_ANON_KEY: 'anon',
    SUPABASE_SERVICE_KEY: 'service',
    SUPABASE_PUBLISHABLE_KEY: KEY,
    SUPABASE_SECRET_KEY: 'sb_secret_benchmark',
    ANON_KEY_ASYMMETRIC: 'anon.token',
    SERVICE_ROLE_KEY_ASYMMETRIC: 'service.token',
    DASHBOARD_USERNAME: 'u',
    DASHBOARD_PASSWORD: 'p',
    ...(origin === undefined ? {} : { REST_URL: origin }),
  })
  if (origin === undefined) dispatcher.register(['rest'], [{ port: 3000, handle: answer }])
  const service = await gateway.start(env, { log: silentLog, dispatcher, signal: new AbortController().signal })
  const server = await serveEndpoint(service.endpoints[0]!, '127.0.0.1', 0)
  return {
    port: server.port,
    async stop() {
      await server.close(0)
      await service.stop()
    },
  }
}

async function main(): Promise<void> {
  // As the program itself runs (src/cli.ts).
  setFlagsFromString('--no-allocation-site-pretenuring')
  const rounds = Number(process.argv[2] ?? 5)
  const bare = createServer(answer)
  await new Promise<void>((resolve) => bare.listen(0, '127.0.0.1', resolve))
  const { port } = bare.address() as AddressInfo
  const [here, network] = await Promise.all([startGateway(undefined), startGateway(`http://127.0.0.1:${port}`)])
  const ways = [
    { name: 'bare Node server', port, perSecond: [] as number[] },
    { name: 'gateway, service in this process', port: here.port, perSecond: [] as number[] },
    { name: 'gateway, service over a socket (same process)', port: network.port, perSecond: [] as number[] },
  ]
  // The first round of each warms up and does not count.
  for (let round = 0; round <= rounds; round++)
    for (const way of ways) {
      const measured = await inChild(way.port)
      if (round > 0) way.perSecond.push(measured)
    }
  for (const { name, perSecond } of ways) console.log(`${name.padEnd(48)} ${Math.round(median(perSecond))} requests/s`)
  const [first, second, third] = ways.map(({ perSecond }) => median(perSecond)) as [number, number, number]
  console.log(`over a socket ${(third / first).toFixed(2)}`)
  console.log(`ratio ${(second / first).toFixed(2)}`)
  await Promise.all([here.stop(), network.stop(), new Promise((resolve) => bare.close(resolve))])
}

function inChild(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), ['--load', String(port)])
    child.once('message', (value) => resolve(Number(value)))
    child.once('exit', (code) => (code === 0 ? undefined : reject(new Error(`the load generator ended with ${code}`))))
  })
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

if (process.argv[2] === '--load') process.send?.(await load(Number(process.argv[3])))
else await main()
