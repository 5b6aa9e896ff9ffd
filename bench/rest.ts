// The five workloads of a REST server by `serve rest` alone and through the whole path of the self-hosted form (gateway, key, JWT), beside
// pgbench driving the same SQL and the original server where it is installed, in turn in one run. The 10-row read under row level security
// (`list`) is measured in several rounds, also with 1 and with 200 connections, the others in one. The last line is the ratio of `list`
// by `serve rest` alone to pgbench.
// `npm run bench -- rest [--seconds 10] [--rounds 3] [--connections 32] [--only alone|stack|original] [--workload list|pk|embed|insert|rpc] [--full]`
import { type ChildProcess, spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import pg from 'pg'
import type { createStack as CreateStack } from '../src/create-stack.ts'
import { SCHEMA } from './rest/data.ts'
import { type LoadOutcome, type LoadPlan, runLoad } from './rest/load.ts'
import { findPgbench, findProgram, runPgbench, type Server } from './rest/pgbench.ts'
import { pgbenchScript, type Workload, workloads } from './rest/workloads.ts'

const self = fileURLToPath(import.meta.url)
const root = process.env['PLINTH_ROOT'] ?? process.cwd()
const option = (name: string, fallback: string): string => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback)
}
const flag = (name: string): boolean => process.argv.includes(`--${name}`)

/** One way to the rows: where it listens, what a request carries beside its own headers, and which process serves it. */
interface Target {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly prefix: string
  readonly key: string | undefined
  readonly pid: number
}

const OWNERS = Array.from({ length: 20 }, (_, index) => 4_711 + index)

function token(secret: string, sub: number): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ role: 'bench_user', sub: String(sub) })}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

const headersOf = (target: Target, workload: Workload, secret: string, owner: number): Record<string, string> => ({
  Accept: '*/*',
  ...(target.key !== undefined && { apikey: target.key }),
  Authorization: `Bearer ${token(secret, owner)}`,
  ...workload.headers,
})

/** Ten turns of twenty users. */
function requestsOf(target: Target, workload: Workload, secret: string): string[] {
  const { method, path, body } = workload
  return Array.from({ length: 200 }, (_, index) => {
    const owner = OWNERS[index % OWNERS.length]!
    const headers = headersOf(target, workload, secret, owner)
    if (body !== '') headers['Content-Length'] = String(body.length)
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    return `${method} ${target.prefix}${path(owner, Math.floor(index / 20))} HTTP/1.1\r\nHost: ${target.host}\r\n${lines.join('')}\r\n${body}`
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

/** The most memory that a process has held so far, in MB (Linux). */
function peakMegabytes(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
  } catch {
    return Number.NaN
  }
}

async function main(): Promise<void> {
  // The stack runs in this process: as the program itself runs it (src/cli.ts).
  setFlagsFromString('--no-allocation-site-pretenuring')
  const only = option('only', '')
  const wanted = option('workload', '')
  const { createStack } = (await import(pathToFileURL(join(root, 'dist', 'index.js')).href)) as { createStack: typeof CreateStack }
  await using stack = await createStack({ env: { PLINTH_PROFILE: 'minimal', PGRST_LOG_LEVEL: 'crit' } })
  // Roles and grants need more than the login that the stack hands out.
  const url = new URL(stack.values['DB_URL'] ?? stack.dbUrl)
  url.username = 'supabase_admin'
  const admin = new pg.Client({ connectionString: url.href })
  await admin.connect()
  const children: ChildProcess[] = []
  try {
    await admin.query(`${SCHEMA}; grant bench_user, bench_anon to authenticator`)
    await admin.query('analyze api.items')
    await admin.query('analyze api.teams')
    // The stack's own REST is told of the schema when there is one: it does not start without.
    await admin.query("alter role authenticator set pgrst.db_schemas = 'api'")
    await admin.query("notify pgrst, 'reload config'")
    await admin.query("notify pgrst, 'reload schema'")
    const server: Server = { host: url.hostname, port: Number(url.port), database: url.pathname.slice(1) }
    const secret = stack.values['JWT_SECRET'] ?? ''
    const alone = async (name: string, program: string, args: readonly string[]): Promise<Target> => {
      const port = await freePort()
      const child = spawn(program, args, { env: aloneEnv(server, secret, port), stdio: ['ignore', 'ignore', 'inherit'] })
      children.push(child)
      return { name, host: '127.0.0.1', port, prefix: '', key: undefined, pid: child.pid ?? 0 }
    }
    const targets: Target[] = []
    if (only === '' || only === 'alone')
      targets.push(await alone('alone', process.execPath, [join(root, 'dist', 'cli.js'), 'serve', 'rest']))
    const api = new URL(stack.url)
    if (only === '' || only === 'stack')
      targets.push({ name: 'stack', host: api.hostname, port: Number(api.port), prefix: '/rest/v1', key: stack.anonKey, pid: process.pid })
    const original = findProgram('postgrest')
    if (original === undefined) console.log('the original server: not measured (postgrest is not on the path)')
    else if (only === '' || only === 'original') targets.push(await alone('original', original, []))
    const chosen = workloads.filter(({ name }) => wanted === '' || name === wanted)
    const ratios = new Map<string, number>()
    for (const workload of chosen) {
      for (const target of targets) await ready(target, workload, secret)
      const long = workload.name === 'list' || flag('full')
      const effort = {
        seconds: Number(option('seconds', long ? '10' : '5')),
        rounds: long ? Number(option('rounds', '3')) : 1,
        connections: Number(option('connections', '32')),
      }
      const found = await measure(workload, targets, { server, secret, effort })
      if (workload.name === 'list') for (const [name, ratio] of found) ratios.set(name, ratio)
      if (workload.name === 'list' && wanted === '') {
        for (const connections of [1, 200])
          await measure(workload, targets, { server: undefined, secret, effort: { ...effort, seconds: 4, rounds: 1, connections } })
      }
      if (workload.name === 'insert')
        await admin.query('delete from api.items where id > 200000').then(() => admin.query('vacuum analyze api.items'))
    }
    for (const { name, pid } of targets) console.log(`${name}: at most ${peakMegabytes(pid).toFixed(0)} MB of memory`)
    if (ratios.has('stack')) console.log(`whole path: ratio ${ratios.get('stack')!.toFixed(2)}`)
    const last = ratios.get('alone')
    console.log(last === undefined ? 'ratio not measured' : `ratio ${last.toFixed(2)}`)
  } finally {
    for (const child of children) child.kill('SIGTERM')
    await admin.end()
  }
}

const aloneEnv = (server: Server, secret: string, port: number): Record<string, string | undefined> => ({
  PATH: process.env['PATH'],
  PLINTH_LOG_LEVEL: 'fatal',
  PGRST_LOG_LEVEL: 'crit',
  PGRST_DB_URI: `postgresql://bench_auth:bench@${server.host}:${server.port}/${server.database}`,
  PGRST_DB_SCHEMAS: 'api',
  PGRST_DB_ANON_ROLE: 'bench_anon',
  PGRST_DB_POOL: '10',
  PGRST_DB_CONFIG: 'false',
  PGRST_JWT_SECRET: secret,
  PGRST_SERVER_HOST: '127.0.0.1',
  PGRST_SERVER_PORT: String(port),
})

/** Waits until the answer is the expected one. */
async function ready(target: Target, workload: Workload, secret: string): Promise<void> {
  const end = Date.now() + 30_000
  for (;;) {
    const response = await fetch(`http://${target.host}:${target.port}${target.prefix}${workload.path(OWNERS[0]!, 0)}`, {
      method: workload.method,
      headers: headersOf(target, workload, secret, OWNERS[0]!),
      ...(workload.body !== '' && { body: workload.body }),
    }).catch(() => undefined)
    const text = (await response?.text()) ?? ''
    if (response?.ok && workload.isRight(response.status, text)) return
    if (Date.now() > end)
      throw new Error(`${target.name} does not answer ${workload.name} as expected: ${response?.status} ${text.slice(0, 300)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

interface Measuring {
  /** Undefined: pgbench is left out. */
  readonly server: Server | undefined
  readonly secret: string
  readonly effort: { readonly seconds: number; readonly rounds: number; readonly connections: number }
}

/** Prints what each way reaches and gives its ratio to pgbench. */
async function measure(
  workload: Workload,
  targets: readonly Target[],
  { server, secret, effort }: Measuring,
): Promise<Map<string, number>> {
  const { seconds, rounds, connections } = effort
  const pgbench = server === undefined ? undefined : findPgbench()
  const limits: number[] = []
  const outcomes = new Map<string, number[]>(targets.map(({ name }) => [name, []]))
  console.log(`${workload.name}, ${connections} connection${connections === 1 ? '' : 's'}`)
  for (let round = 0; round < rounds; round++) {
    if (pgbench !== undefined && server !== undefined) {
      runPgbench(pgbench, server, pgbenchScript(workload), 10, 1)
      const { perSecond, p50, p99 } = runPgbench(pgbench, server, pgbenchScript(workload), 10, seconds)
      limits.push(perSecond)
      console.log(
        `  pgbench   ${perSecond.toFixed(0).padStart(6)}/s  p50 ${p50.toFixed(1)} ms  p99 ${p99.toFixed(1)} ms (${(p99 / p50).toFixed(1)} x p50)`,
      )
    }
    for (const target of targets) {
      const before = cpuSeconds(target.pid)
      const { host, port, name } = target
      const outcome = await load({
        host,
        port,
        requests: requestsOf(target, workload, secret),
        connections,
        warmupMs: Math.min(3_000, seconds * 500),
        measureMs: seconds * 1_000,
      })
      const { perSecond, p50, p99, errors, requests } = outcome
      const cpu = ((cpuSeconds(target.pid) - before) / requests) * 1_000
      outcomes.get(name)!.push(perSecond)
      console.log(
        `  ${name.padEnd(8)}  ${perSecond.toFixed(0).padStart(6)}/s  p50 ${p50.toFixed(1)} ms  p99 ${p99.toFixed(1)} ms (${(p99 / p50).toFixed(1)} x p50)  ${cpu.toFixed(2)} CPU s per 1,000`,
      )
      if (errors > 0) throw new Error(`${name} answered ${errors} requests with an error`)
    }
  }
  const ratios = new Map<string, number>()
  if (server === undefined) return ratios
  if (pgbench === undefined) {
    console.log('  pgbench: not measured (it is not installed)')
    return ratios
  }
  for (const [name, found] of outcomes) {
    ratios.set(name, median(found) / median(limits))
    console.log(`  ${name.padEnd(8)}  ${ratios.get(name)!.toFixed(2)} of pgbench`)
  }
  return ratios
}

if (process.argv[2] === '--load') console.log(JSON.stringify(await runLoad(JSON.parse(process.argv[3]!) as LoadPlan)))
else await main()
