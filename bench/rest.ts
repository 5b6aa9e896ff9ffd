// The list read (10 rows under row level security) by `serve rest` alone and through the whole path of the self-hosted form (gateway,
// key, JWT), beside pgbench driving the same SQL, alternating in one run. The last line is the ratio of the whole path to pgbench.
// `npm run bench -- rest [--seconds 10] [--rounds 3] [--connections 32] [--only alone|stack]`
import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import pg from 'pg'
import type { createStack as CreateStack } from '../src/create-stack.ts'
import { SCHEMA } from './rest/data.ts'
import { type LoadOutcome, type LoadPlan, runLoad } from './rest/load.ts'
import { findPgbench, runPgbench, type Server } from './rest/pgbench.ts'

const self = fileURLToPath(import.meta.url)
const root = process.env['PLINTH_ROOT'] ?? process.cwd()
const option = (name: string, fallback: string): string => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback)
}

/** One way to the rows: where it listens, what a request looks like, and which process serves it. */
interface Target {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly path: string
  readonly headers: (token: string) => Readonly<Record<string, string>>
  readonly secret: string
  readonly pid: number
}

function token(secret: string, sub: number): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ role: 'bench_user', sub: String(sub) })}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

function requestsOf({ path, host, headers, secret }: Target): string[] {
  return Array.from({ length: 20 }, (_, index) => {
    const lines = Object.entries(headers(token(secret, 4_711 + index))).map(([name, value]) => `${name}: ${value}\r\n`)
    return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAccept: */*\r\n${lines.join('')}\r\n`
  })
}

function load(plan: LoadPlan): Promise<LoadOutcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [self, '--load', JSON.stringify(plan)], { stdio: ['ignore', 'pipe', 'inherit'] })
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
    })
    child.on('exit', (code) => (code === 0 ? resolve(JSON.parse(out) as LoadOutcome) : reject(new Error(`the load ended with ${code}`))))
  })
}

/** CPU seconds that a process has used so far (Linux). */
function cpuSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return Number.NaN
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN

async function main(): Promise<void> {
  const seconds = Number(option('seconds', '10'))
  const rounds = Number(option('rounds', '3'))
  const connections = Number(option('connections', '32'))
  const only = option('only', '')
  const { createStack } = (await import(pathToFileURL(join(root, 'dist', 'index.js')).href)) as { createStack: typeof CreateStack }
  await using stack = await createStack({ env: { PLINTH_PROFILE: 'minimal', PGRST_DB_SCHEMAS: 'api', PGRST_LOG_LEVEL: 'crit' } })
  // Roles and grants need more than the login that the stack hands out.
  const url = new URL(stack.values['DB_URL'] ?? stack.dbUrl)
  url.username = 'supabase_admin'
  const admin = new pg.Client({ connectionString: url.href })
  await admin.connect()
  await admin.query(`${SCHEMA}; grant bench_user, bench_anon to authenticator`)
  await admin.query('analyze api.items')
  await admin.query('analyze api.teams')
  await admin.query("notify pgrst, 'reload schema'")
  await admin.end()
  const server: Server = { host: url.hostname, port: Number(url.port), database: url.pathname.slice(1) }

  const secret = stack.values['JWT_SECRET'] ?? ''
  const alonePort = await freePort()
  const alone = spawn(process.execPath, [join(root, 'dist', 'cli.js'), 'serve', 'rest'], {
    env: {
      PATH: process.env['PATH'],
      PLINTH_LOG_LEVEL: 'fatal',
      PGRST_DB_URI: `postgresql://bench_auth:bench@${server.host}:${server.port}/${server.database}`,
      PGRST_DB_SCHEMAS: 'api',
      PGRST_DB_ANON_ROLE: 'bench_anon',
      PGRST_DB_POOL: '10',
      PGRST_DB_CONFIG: 'false',
      PGRST_JWT_SECRET: secret,
      PGRST_SERVER_HOST: '127.0.0.1',
      PGRST_SERVER_PORT: String(alonePort),
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const list = '/items?select=id,title,done&order=id.desc&limit=10'
  const api = new URL(stack.url)
  const targets: Target[] = [
    {
      name: 'alone',
      host: '127.0.0.1',
      port: alonePort,
      path: list,
      headers: (bearer: string) => ({ Authorization: `Bearer ${bearer}` }),
      secret,
      pid: alone.pid ?? 0,
    },
    {
      name: 'stack',
      host: api.hostname,
      port: Number(api.port),
      path: `/rest/v1${list}`,
      headers: (bearer: string) => ({ apikey: stack.anonKey, Authorization: `Bearer ${bearer}` }),
      secret,
      pid: process.pid,
    },
  ].filter(({ name }) => only === '' || name === only)
  try {
    for (const target of targets) await ready(target)
    await measure(targets, server, { seconds, rounds, connections })
  } finally {
    alone.kill('SIGTERM')
  }
}

/** Waits until the answer is the expected one: ten rows, newest first. */
async function ready(target: Target): Promise<void> {
  const end = Date.now() + 20_000
  for (;;) {
    const response = await fetch(`http://${target.host}:${target.port}${target.path}`, {
      headers: target.headers(token(target.secret, 4_711)),
    }).catch(() => undefined)
    const text = (await response?.text()) ?? ''
    const rows = response?.status === 200 ? (JSON.parse(text) as { id: number }[]) : []
    if (rows.length === 10 && rows.every((row, index) => index === 0 || row.id < rows[index - 1]!.id)) return
    if (Date.now() > end) throw new Error(`${target.name} does not answer as expected: ${response?.status} ${text.slice(0, 300)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

interface Effort {
  readonly seconds: number
  readonly rounds: number
  readonly connections: number
}

async function measure(targets: readonly Target[], server: Server, { seconds, rounds, connections }: Effort): Promise<void> {
  const pgbench = findPgbench()
  const limits: number[] = []
  const outcomes = new Map<string, (LoadOutcome & { cpu: number })[]>(targets.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    if (pgbench !== undefined) {
      runPgbench(pgbench, server, 10, 1)
      limits.push(runPgbench(pgbench, server, 10, seconds))
      console.log(`round ${round + 1}  pgbench  ${limits.at(-1)!.toFixed(0)}/s`)
    }
    for (const target of targets) {
      const before = cpuSeconds(target.pid)
      const outcome = await load({
        host: target.host,
        port: target.port,
        requests: requestsOf(target),
        connections,
        warmupMs: 3_000,
        measureMs: seconds * 1_000,
      })
      const cpu = ((cpuSeconds(target.pid) - before) / outcome.requests) * 1_000
      outcomes.get(target.name)!.push({ ...outcome, cpu })
      console.log(
        `round ${round + 1}  ${target.name.padEnd(7)}  ${outcome.perSecond.toFixed(0)}/s  p50 ${outcome.p50.toFixed(1)} ms  p99 ${outcome.p99.toFixed(1)} ms  ` +
          `${cpu.toFixed(2)} CPU s per 1,000  ${outcome.errors} errors`,
      )
      if (outcome.errors > 0) throw new Error(`${target.name} answered ${outcome.errors} requests with an error`)
    }
  }
  if (pgbench === undefined) {
    console.log('pgbench is not installed: the limit was not measured')
    return
  }
  const limit = median(limits)
  console.log(`median of ${rounds}: pgbench ${limit.toFixed(0)}/s`)
  for (const { name } of targets) {
    const perSecond = median(outcomes.get(name)!.map((outcome) => outcome.perSecond))
    console.log(`${name}: ${perSecond.toFixed(0)}/s`)
    console.log(`ratio ${(perSecond / limit).toFixed(2)}`)
  }
}

if (process.argv[2] === '--load') console.log(JSON.stringify(await runLoad(JSON.parse(process.argv[3]!) as LoadPlan)))
else await main()
