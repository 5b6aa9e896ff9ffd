// What the gateway costs, with key-auth, acl, cors and request-transformer on, at 64 connections: nginx (Debian's, one worker), a proxy
// that is undici and nothing else, and `plinth serve gateway`, all before the same service and in turn; then the gateway with its service
// in the same process, with 5,000 routes, with a gigabyte streaming through, and with WebSockets that say nothing. The last line is the
// ratio of the gateway over sockets to nginx. `npm run bench -- gateway [--rounds 5] [--seconds 2] [--only requests|routes|streams|first-byte|websockets]`
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { KEY, KEYS, routesFile } from './gateway/config.ts'
import { firstByte, streams, websockets } from './gateway/limits.ts'
import { type Running, startNginx, startNginxProxy } from './gateway/nginx.ts'
import { cpuSeconds, freePort, median, startGateway, startRole } from './gateway/processes.ts'
import { BODY, roles } from './gateway/roles.ts'
import { type LoadOutcome, type LoadPlan, runLoad } from './rest/load.ts'

const self = fileURLToPath(import.meta.url)
const CONNECTIONS = 64
const option = (name: string, fallback: string): string => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback)
}
const rounds = Number(option('rounds', '5'))
const measureMs = Number(option('seconds', '2')) * 1_000
const only = option('only', '')
const asked = (name: string) => only === '' || only === name

function load(port: number, paths: readonly string[]): Promise<LoadOutcome> {
  const requests = paths.map(
    (path) =>
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\napikey: ${KEY}\r\nAuthorization: Bearer ${KEY}\r\nAccept: */*\r\nAccept-Encoding: gzip\r\nUser-Agent: bench\r\nX-Client-Info: supabase-js/2\r\n\r\n`,
  )
  const plan: LoadPlan = { host: '127.0.0.1', port, requests, connections: CONNECTIONS, warmupMs: 200, measureMs }
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [self, '--load', JSON.stringify(plan)], { stdio: ['ignore', 'pipe', 'inherit'] })
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
    })
    child.on('exit', (code) => (code === 0 ? resolve(JSON.parse(out) as LoadOutcome) : reject(new Error(`the load ended with ${code}`))))
  })
}

class Way {
  readonly perSecond: number[] = []
  readonly cpu: number[] = []
  readonly #paths: readonly string[]
  readonly name: string
  readonly process: Running

  constructor(name: string, running: Running, paths: readonly string[] = ['/rest/v1/todos?select=id,task&limit=10']) {
    this.name = name
    this.process = running
    this.#paths = paths
  }

  async run(counts: boolean): Promise<void> {
    const before = cpuSeconds(this.process.pid)
    const { perSecond, errors, requests } = await load(this.process.port, this.#paths)
    if (errors > 0) throw new Error(`${this.name}: ${errors} answers were no 2xx`)
    if (!counts) return
    this.perSecond.push(perSecond)
    this.cpu.push(((cpuSeconds(this.process.pid) - before) / requests) * 1e6)
  }

  tell(): void {
    console.log(
      `${this.name.padEnd(34)} ${median(this.perSecond).toFixed(0).padStart(6)} requests/s  ${median(this.cpu).toFixed(0)} µs of CPU each`,
    )
  }

  /** Of the other's requests a second: the median of the rounds, in each of which both ran. */
  ratio(other: Way): number {
    return median(this.perSecond.map((value, round) => value / other.perSecond[round]!))
  }
}

/** In turn; the first round warms up and does not count. */
async function alternate(ways: readonly Way[]): Promise<void> {
  for (let round = 0; round <= rounds; round++) for (const way of ways) await way.run(round > 0)
  for (const way of ways) way.tell()
}

async function main(): Promise<void> {
  const echo = await startNginx(await freePort(), 'default_type application/json;', `location / { return 200 '${BODY}'; }`)
  if (!echo) throw new Error('nginx is the peer and the service here: apt-get install nginx')
  const origin = `http://127.0.0.1:${echo.port}`
  const keep = <T extends Running>(running: T): T => {
    started.push(running)
    return running
  }
  keep(echo)
  let last = ''
  if (asked('requests')) {
    const nginx = new Way('nginx', keep((await startNginxProxy(await freePort(), echo.port))!))
    const undici = new Way('undici and nothing else', keep(await startRole(self, 'undici', String(echo.port))))
    const gateway = new Way('gateway, service over a socket', keep(await startGateway(routesFile(origin, 10), KEYS)))
    const file = routesFile('http://service:3000', 10)
    const here = new Way(
      'gateway, service in this process',
      keep(await startRole(self, 'here', '', { ...KEYS, KONG_DECLARATIVE_CONFIG: file })),
    )
    await alternate([nginx, undici, gateway, here])
    console.log(`over a socket, of undici ${gateway.ratio(undici).toFixed(2)}`)
    console.log(`in this process, of nginx ${here.ratio(nginx).toFixed(2)}`)
    last = `ratio ${gateway.ratio(nginx).toFixed(2)}`
  }
  if (asked('routes')) {
    const spread = Array.from({ length: 50 }, (_, i) => `/tenant-${i % 500}/part-${i}/todos?limit=10`)
    const few = new Way('10 routes', keep(await startGateway(routesFile(origin, 10), KEYS)), spread.slice(0, 9))
    const many = new Way('5,000 routes', keep(await startGateway(routesFile(origin, 5_000), KEYS)), spread)
    await alternate([few, many])
    console.log(`5,000 routes, of 10 routes ${many.ratio(few).toFixed(2)}`)
  }
  if (asked('streams') || asked('first-byte') || asked('websockets')) {
    const service = keep(await startRole(self, 'service'))
    if (asked('streams'))
      await streams(
        service,
        keep((await startNginxProxy(await freePort(), service.port))!),
        Math.min(rounds, 3),
        Number(option('bytes', '1e9')),
        keep,
      )
    if (asked('first-byte')) await firstByte(100, keep)
    if (asked('websockets')) await websockets(service, 3_000, keep)
  }
  if (last !== '') console.log(last)
}

/** Whatever was started ends, also when a measurement failed. */
const started: Running[] = []

const [mode, what = '', argument = ''] = process.argv.slice(2)
if (mode === '--load') process.stdout.write(JSON.stringify(await runLoad(JSON.parse(what) as LoadPlan)))
else if (mode === '--role') process.send?.(await roles[what]!(argument))
else
  await main().finally(async () => {
    for (const running of started.reverse()) await running.stop()
  })
