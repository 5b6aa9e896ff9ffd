// Runs the built program in folders of its own, as a person does, and makes sure that nothing of it stays behind.
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { stringify } from 'smol-toml'
import { freePort } from '../../src/stack/ports.ts'

const program = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface Folder extends AsyncDisposable {
  readonly dir: string
  readonly ports: { readonly api: number; readonly db: number; readonly mail: number }
  write(path: string, text: string): void
  run(args: readonly string[], options?: { env?: Record<string, string>; input?: string }): Promise<Ended>
  /** The same, and the exit code has to be 0. */
  good(...args: string[]): Promise<Ended>
  /** Starts the program without waiting for its end. */
  spawn(args: readonly string[]): ChildProcess
  status(): Promise<Record<string, string>>
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>
  /** Processes that were started with this folder or listen on its ports (Linux). */
  pids(): number[]
}

/** A folder with a local project on free ports; `tables` are added to its config.toml. */
export async function projectFolder(
  options: { tables?: Record<string, Record<string, unknown>>; files?: Record<string, string> } = {},
): Promise<Folder> {
  const ports = await freePorts()
  const folder = makeFolder(ports)
  const tables: Record<string, Record<string, unknown>> = {
    api: { port: ports.api },
    db: { port: ports.db, shadow_port: ports.other[0] },
    studio: { enabled: false, port: ports.other[1] },
    inbucket: { port: ports.mail },
    analytics: { enabled: false, port: ports.other[2] },
    edge_runtime: { enabled: false },
    realtime: { enabled: false },
    storage: { enabled: false },
  }
  for (const [name, table] of Object.entries(options.tables ?? {})) tables[name] = { ...tables[name], ...table }
  folder.write('supabase/config.toml', stringify(tables))
  for (const [path, text] of Object.entries(options.files ?? {})) folder.write(join('supabase', path), text)
  return folder
}

/** A folder with a `.env` on free ports. */
export async function selfHostedFolder(lines: Record<string, string> = {}): Promise<Folder> {
  const ports = await freePorts()
  const folder = makeFolder(ports)
  const all = {
    KONG_HTTP_PORT: `${ports.api}`,
    KONG_HTTPS_PORT: `${ports.other[0]}`,
    POSTGRES_PORT: `${ports.db}`,
    POOLER_PROXY_PORT_TRANSACTION: `${ports.other[1]}`,
    ...lines,
  }
  folder.write(
    '.env',
    Object.entries(all)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  )
  return folder
}

async function freePorts() {
  const taken = new Set<number>()
  const next = async () => {
    const port = await freePort(taken)
    taken.add(port)
    return port
  }
  return { api: await next(), db: await next(), mail: await next(), other: [await next(), await next(), await next()] }
}

function makeFolder(ports: Folder['ports']): Folder {
  const dir = mkdtempSync(join(tmpdir(), 'plinth-test-'))
  chmodSync(dir, 0o755) // so that the data may lie in it, and goes with it, also when the tests run as root
  const children = new Set<ChildProcess>()
  const spawnProgram = (args: readonly string[], env: Record<string, string> = {}): ChildProcess => {
    const kept = Object.entries(process.env).filter(([name]) => /^(PATH|HOME|LANG|TMPDIR)$/.test(name))
    const child = spawn(process.execPath, [program, ...args], {
      cwd: dir,
      env: { ...Object.fromEntries(kept), NO_COLOR: '1', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    children.add(child)
    child.once('exit', () => children.delete(child))
    return child
  }
  const folder: Folder = {
    dir,
    ports,
    write(path, text) {
      mkdirSync(dirname(join(dir, path)), { recursive: true })
      writeFileSync(join(dir, path), text)
    },
    spawn: (args) => spawnProgram(args),
    run(args, { env = {}, input = '' } = {}) {
      const child = spawnProgram(args, env)
      let out = ''
      let err = ''
      child.stdout?.on('data', (chunk) => {
        out += chunk
      })
      child.stderr?.on('data', (chunk) => {
        err += chunk
      })
      child.stdin?.on('error', () => {}) // it ended before it read
      child.stdin?.end(input)
      return new Promise((resolve, reject) => {
        child.once('error', reject)
        child.once('close', (code) => resolve({ code, out, err }))
      })
    },
    async good(...args) {
      const ended = await folder.run(args)
      if (ended.code !== 0) throw new Error(`plinth ${args.join(' ')} ended with ${ended.code}:\n${ended.out}${ended.err}`)
      return ended
    },
    status: async () => JSON.parse((await folder.good('status', '-o', 'json')).out) as Record<string, string>,
    async sql(text, values) {
      const { DB_URL } = await folder.status()
      const client = new pg.Client({ connectionString: DB_URL })
      await client.connect()
      try {
        return (await client.query(text, values)).rows
      } finally {
        await client.end()
      }
    },
    pids: () => processesOf(dir, Object.values(ports)),
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill('SIGKILL')
      await folder.run(['stop', '--no-backup'])
      for (const pid of folder.pids()) {
        try {
          process.kill(pid, 'SIGKILL')
        } catch {
          // gone meanwhile
        }
      }
      rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
  return folder
}

export const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const end = (open: boolean) => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })

/** Polls until `check` gives something truthy. */
export async function until<T>(check: () => Promise<T> | T, what: string, withinMs = 15_000): Promise<NonNullable<T>> {
  for (const end = Date.now() + withinMs; Date.now() < end; ) {
    const value = await check()
    if (value) return value
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`${what}: not reached within ${withinMs} ms`)
}

/** False for a process that has ended meanwhile. */
export function isPostgres(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0]!.includes('postgres')
  } catch {
    return false
  }
}

function processesOf(dir: string, ports: readonly number[]): number[] {
  const inodes = new Set<string>()
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/)
    if (columns[3] === '0A' && ports.includes(Number.parseInt(columns[1]!.split(':')[1]!, 16))) inodes.add(`socket:[${columns[9]}]`)
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => {
      try {
        if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(dir) || readlinkSync(`/proc/${pid}/cwd`).startsWith(dir)) return true
        return readdirSync(`/proc/${pid}/fd`).some((fd) => inodes.has(readlinkSync(`/proc/${pid}/fd/${fd}`)))
      } catch {
        return false // gone, or not ours to look at
      }
    })
}
