// How long a start, a restart, a stop and a reset take, and how much memory the minimal stack holds. Everything through the built
// program on empty folders of its own: no prebuilt cluster, no cached data, all migrations run. `npm run bench -- start [ROUNDS]`
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const rounds = Number(process.argv[2] ?? 5)
const program = join(process.env['PLINTH_ROOT'] ?? process.cwd(), 'dist', 'cli.js')
const bare = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(PATH|HOME|LANG|TMPDIR)$/.test(name)))

interface Outcome {
  readonly ms: number
  readonly out: string
}

function plinth(workDir: string, ...args: string[]): Outcome {
  const began = performance.now()
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args, '--workdir', workDir], { encoding: 'utf8', env: bare })
  if (status !== 0) throw new Error(`plinth ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`)
  return { ms: performance.now() - began, out: stdout }
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })

function newFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'plinth-bench-'))
  chmodSync(dir, 0o755)
  return dir
}

async function selfHosted(profile: string): Promise<string> {
  const dir = newFolder()
  const ports = await Promise.all(
    ['KONG_HTTP_PORT', 'KONG_HTTPS_PORT', 'POSTGRES_PORT', 'POOLER_PROXY_PORT_TRANSACTION'].map(
      async (name) => `${name}=${await freePort()}\n`,
    ),
  )
  writeFileSync(
    join(dir, '.env'),
    `${ports.join('')}PLINTH_PROFILE=${profile}\nENABLE_EMAIL_AUTOCONFIRM=true\nGOTRUE_RATE_LIMIT_OTP=100000\n`,
  )
  return dir
}

async function project(): Promise<string> {
  const dir = newFolder()
  mkdirSync(join(dir, 'supabase'))
  const port = async () => `port = ${await freePort()}`
  const tables = [
    `[api]\n${await port()}`,
    `[db]\n${await port()}\nshadow_${await port()}`,
    `[studio]\n${await port()}`,
    `[inbucket]\n${await port()}`,
    `[analytics]\n${await port()}`,
  ]
  writeFileSync(join(dir, 'supabase', 'config.toml'), `${tables.join('\n')}\n`)
  return dir
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!
const valuesOf = (dir: string): Record<string, string> => JSON.parse(plinth(dir, 'status', '-o', 'json').out) as Record<string, string>

/** Proportional set size of the stack's process and of everything below it, in MB. */
function memoryOf(dir: string): number {
  const { pid } = JSON.parse(readFileSync(join(dir, '.plinth', 'run.json'), 'utf8')) as { pid: number }
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    } catch {
      // gone meanwhile
    }
  }
  const below = (candidate: number): boolean =>
    candidate === pid || (parents.has(candidate) && parents.get(candidate)! > 1 && below(parents.get(candidate)!))
  const sizes = [...parents.keys()].filter(below).map((one) => {
    try {
      return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${one}/smaps_rollup`, 'utf8'))?.[1] ?? 0)
    } catch {
      return 0
    }
  })
  return sizes.reduce((sum, size) => sum + size, 0) / 1024
}

async function requests(url: string, key: string, count: number): Promise<void> {
  const headers = { apikey: key, authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  let failed = 0
  const one = async (index: number) => {
    const answer =
      index % 10 === 0
        ? await fetch(`${url}/auth/v1/signup`, {
            method: 'POST',
            headers,
            body: JSON.stringify({ email: `bench-${index}-${Date.now()}@example.org`, password: 'correct horse 9' }),
          })
        : index % 3 === 0
          ? await fetch(`${url}/auth/v1/settings`, { headers })
          : await fetch(`${url}/rest/v1/nothing_here?select=*`, { headers })
    await answer.arrayBuffer()
    if (answer.status >= 500 || answer.status === 401 || answer.status === 429) failed++
  }
  for (let index = 0; index < count; index += 10) await Promise.all(Array.from({ length: 10 }, (_, offset) => one(index + offset)))
  if (failed > 0) throw new Error(`${failed} of ${count} requests failed`)
}

const figures: Record<string, number[]> = {}
const note = (name: string, value: number) => {
  const list = figures[name] ?? []
  list.push(value)
  figures[name] = list
}

for (let round = 0; round < rounds; round++) {
  for (const profile of ['minimal', 'standard']) {
    const dir = await selfHosted(profile)
    try {
      note(`start, empty folder, ${profile} [ms]`, plinth(dir, 'start').ms)
      if (profile === 'minimal') {
        const { API_URL, ANON_KEY } = valuesOf(dir)
        await requests(API_URL!, ANON_KEY!, 1_000)
        if (process.platform === 'linux') note('memory, minimal, after 1,000 requests [MB PSS]', memoryOf(dir))
      }
      note(`stop, ${profile} [ms]`, plinth(dir, 'stop').ms)
      note(`start, with data, ${profile} [ms]`, plinth(dir, 'start').ms)
    } finally {
      plinth(dir, 'stop')
      rmSync(dir, { recursive: true, force: true })
    }
  }
  const dir = await project()
  try {
    note('start, empty local project [ms]', plinth(dir, 'start').ms)
    note('db reset, empty local project [ms]', plinth(dir, 'db', 'reset').ms)
  } finally {
    plinth(dir, 'stop', '--no-backup')
    rmSync(dir, { recursive: true, force: true })
  }
}

console.log(`median of ${rounds}`)
for (const [name, list] of Object.entries(figures))
  console.log(`${name.padEnd(52)} ${median(list).toFixed(0).padStart(7)}   (${list.map((value) => value.toFixed(0)).join(', ')})`)
