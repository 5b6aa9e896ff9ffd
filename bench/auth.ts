// Auth beside its limits, in alternating rounds: sign-ins by password beside a loop of nothing but bcrypt on all cores, GET /user and
// refreshes beside a bare handler with the same statements on the same driver; and the original where it is built. The last line is the
// ratio of the sign-ins. `npm run bench -- auth [--seconds 8] [--rounds 3] [--connections 16]`
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { hash, verify } from '@node-rs/bcrypt'
import type { createStack as CreateStack } from '../src/create-stack.ts'
import { findPeer, HOW_TO_BUILD_AUTH } from '../test/peers/find-peer.ts'
import { serveBare } from './auth/bare.ts'
import { type AuthLoad, type AuthOutcome, runAuthLoad } from './auth/load.ts'

const self = fileURLToPath(import.meta.url)
const root = process.env['PLINTH_ROOT'] ?? process.cwd()
const option = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? fallback : Number(process.argv[at + 1])
}
const PASSWORD = 'A-password-of-the-bench-1'
const POOL = 10
const WARMUP_MS = 1_500

/** Verifications per second with one for every core under way at all times. */
async function bcryptLoop(measureMs: number): Promise<number> {
  const known = await hash(PASSWORD, { cost: 10, version: '2a' })
  const from = performance.now() + 500
  const until = from + measureMs
  let done = 0
  await Promise.all(
    Array.from({ length: availableParallelism() }, async () => {
      for (let now = performance.now(); now < until; now = performance.now()) {
        await verify(PASSWORD, known)
        if (performance.now() >= from && performance.now() < until) done++
      }
    }),
  )
  return done / (measureMs / 1_000)
}

/** One of this file's other modes in a process of its own; resolves with what it prints. */
function child<Result>(mode: string, input: unknown): Promise<Result> {
  return new Promise((resolve, reject) => {
    const process_ = spawn(process.execPath, [self, mode, JSON.stringify(input)], { stdio: ['ignore', 'pipe', 'inherit'] })
    let out = ''
    process_.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
    })
    process_.on('exit', (code) => (code === 0 ? resolve(JSON.parse(out) as Result) : reject(new Error(`${mode} ended with ${code}`))))
  })
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })

/** CPU seconds that a process has used so far (Linux): what a request costs, also on a machine that others use. */
function cpuSeconds(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return Number.NaN
  }
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN

interface Service {
  readonly name: string
  readonly origin: string
  readonly process: ChildProcess
}

async function startService(name: string, command: string, args: readonly string[], databaseUrl: string): Promise<Service> {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const started = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      PLINTH_LOG_LEVEL: 'warn',
      GOTRUE_LOG_LEVEL: 'error',
      GOTRUE_API_HOST: '127.0.0.1',
      GOTRUE_API_PORT: String(port),
      PORT: String(port),
      API_EXTERNAL_URL: origin,
      GOTRUE_SITE_URL: origin,
      GOTRUE_DB_DRIVER: 'postgres',
      GOTRUE_DB_DATABASE_URL: databaseUrl,
      GOTRUE_DB_MAX_POOL_SIZE: String(POOL),
      GOTRUE_JWT_SECRET: 'a-secret-of-more-than-thirty-two-characters',
      GOTRUE_JWT_AUD: 'authenticated',
      GOTRUE_JWT_DEFAULT_GROUP_NAME: 'authenticated',
      GOTRUE_MAILER_AUTOCONFIRM: 'true',
    },
  })
  const end = Date.now() + 30_000
  while (
    !(await fetch(`${origin}/health`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (started.exitCode !== null || Date.now() > end) throw new Error(`${name} did not start`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return { name, origin, process: started }
}

type Person = AuthLoad['people'][number]

async function signUp(origin: string, name: string, index: number): Promise<Person> {
  const email = `${name}-${index}@bench.example`
  const response = await fetch(`${origin}/signup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password: PASSWORD }),
  })
  const answer = (await response.json()) as Person
  if (!answer.access_token) throw new Error(`${name} does not sign up: ${response.status}`)
  return { email, access_token: answer.access_token, refresh_token: answer.refresh_token }
}

async function main(): Promise<void> {
  const measureMs = option('seconds', 8) * 1_000
  const rounds = option('rounds', 3)
  const connections = option('connections', 16)
  const { createStack } = (await import(pathToFileURL(join(root, 'dist', 'index.js')).href)) as { createStack: typeof CreateStack }
  await using stack = await createStack({ env: { PLINTH_SERVICES: 'db' } })
  const url = new URL(stack.dbUrl)
  url.username = 'supabase_auth_admin'
  const services: Service[] = []
  try {
    services.push(await startService('plinth', process.execPath, [join(root, 'dist', 'cli.js'), 'serve', 'auth'], url.href))
    const original = findPeer('auth')
    if (original) services.push(await startService('original', original, [], url.href))
    else console.log(`the original: not run (${HOW_TO_BUILD_AUTH})`)
    const bare = spawn(process.execPath, [self, '--bare', JSON.stringify(url.href)], { stdio: ['ignore', 'pipe', 'inherit'] })
    const barePort = await new Promise<number>((resolve) => bare.stdout.once('data', (text: Buffer) => resolve(Number(text.toString()))))
    const limit: Service = { name: 'bare', origin: `http://127.0.0.1:${barePort}`, process: bare }
    services.push(limit)

    const measured = new Map<string, AuthOutcome[]>()
    const people = new Map<string, Person[]>()
    for (const { name } of services) {
      const list: Person[] = []
      for (let i = 0; i < connections; i++) list.push(await signUp(services[0]!.origin, name, i))
      people.set(name, list)
    }
    const loops: number[] = []
    for (let round = 1; round <= rounds; round++) {
      loops.push(await child<number>('--bcrypt', measureMs))
      console.log(`round ${round}  sign-in  ${'bcrypt'.padEnd(8)}  ${loops.at(-1)!.toFixed(1)}/s`)
      for (const kind of ['sign-in', 'user', 'refresh'] as const)
        for (const { name, origin, process: served } of services) {
          if (kind === 'sign-in' && name === limit.name) continue
          const group = people.get(name)!
          const plan: AuthLoad = { origin, kind, people: group, password: PASSWORD, warmupMs: WARMUP_MS, measureMs }
          const before = cpuSeconds(served.pid)
          const outcome = await child<AuthOutcome>('--load', plan)
          const cpuMs = ((cpuSeconds(served.pid) - before) / outcome.requests) * 1_000
          if (kind === 'refresh')
            people.set(
              name,
              group.map((person, i) => ({ ...person, refresh_token: outcome.tokens[i]! })),
            )
          const key = `${kind} ${name}`
          measured.set(key, [...(measured.get(key) ?? []), outcome])
          const { perSecond, p50, p99 } = outcome
          console.log(
            `round ${round}  ${kind.padEnd(7)}  ${name.padEnd(8)}  ${perSecond.toFixed(1)}/s  p50 ${p50.toFixed(1)} ms  p99 ${p99.toFixed(1)} ms  ${cpuMs.toFixed(2)} ms of CPU each`,
          )
        }
    }
    report(services, measured, median(loops))
  } finally {
    for (const { process: running } of services) running.kill('SIGTERM')
  }
}

function report(services: readonly Service[], measured: ReadonlyMap<string, readonly AuthOutcome[]>, bcrypt: number): void {
  const of = (kind: string, name: string) => median(measured.get(`${kind} ${name}`)?.map(({ perSecond }) => perSecond) ?? [])
  console.log(`medians: bcrypt alone ${bcrypt.toFixed(1)}/s`)
  for (const { name } of services)
    console.log(
      `${name.padEnd(8)}  ${name === 'bare' ? '' : `sign-in ${of('sign-in', name).toFixed(1)}/s  `}user ${of('user', name).toFixed(0)}/s  refresh ${of('refresh', name).toFixed(0)}/s`,
    )
  for (const { name } of services) {
    if (name === 'bare' || name === 'plinth') continue
    console.log(`${name}: sign-in ${(of('sign-in', name) / bcrypt).toFixed(2)} of bcrypt alone`)
  }
  console.log(`user ${(of('user', 'plinth') / of('user', 'bare')).toFixed(2)} of the bare handler (goal 0.80)`)
  console.log(`refresh ${(of('refresh', 'plinth') / of('refresh', 'bare')).toFixed(2)} of the bare handler (goal 0.70)`)
  console.log(`ratio ${(of('sign-in', 'plinth') / bcrypt).toFixed(2)}`)
}

const [mode, input] = process.argv.slice(2)
if (mode === '--bcrypt') console.log(JSON.stringify(await bcryptLoop(JSON.parse(input!) as number)))
else if (mode === '--load') console.log(JSON.stringify(await runAuthLoad(JSON.parse(input!) as AuthLoad)))
else if (mode === '--bare') console.log(await serveBare(JSON.parse(input!) as string, POOL))
else await main()
