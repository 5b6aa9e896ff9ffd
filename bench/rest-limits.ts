// What REST holds: memory over a 100 MB answer, a 50 MB insert, 2,000 idle connections and ever new shapes of requests, and how long the
// schema cache of 1,000 tables takes. The server is `serve rest` in a process of its own. `npm run bench -- rest-limits [SHAPES]`
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import type { createStack as CreateStack } from '../src/create-stack.ts'

const root = process.env['PLINTH_ROOT'] ?? process.cwd()
const SHAPES = Number(process.argv[2] ?? 20_000)

const SCHEMA = `
create role limits_anon; create role limits_auth login noinherit password 'bench'; grant limits_anon to limits_auth;
create schema api; grant usage on schema api to limits_anon;
create table api.things (id int, name text, note text);
create function api.large(megabytes int) returns text language sql as $$ select repeat('x', megabytes * 1000000) $$;
grant all on api.things to limits_anon;
`
const MANY = `
do $$ begin
  for i in 1..1000 loop
    execute format('create table api.t%s (id int primary key, name text, amount numeric, at timestamptz default now(), parent int references api.t%s)', i, greatest(i - 1, 1));
    if i % 4 = 0 then execute format('create view api.v%s as select id, name, parent from api.t%s', i, i); end if;
    if i % 10 = 0 then execute format('create function api.f%s(a int, b text default null) returns setof api.t%s language sql as ''select * from api.t%s''', i, i, i); end if;
  end loop;
end $$`

const megabytes = (field: 'VmRSS' | 'VmHWM', pid: number): number =>
  Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

/** Starts to count the peak anew (Linux, for one's own processes). */
const forgetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, '5')

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })

interface Answered {
  readonly status: number
  readonly bytes: number
  readonly text: string
}

/** `pause`: milliseconds of rest after each chunk. */
function call(port: number, method: string, path: string, body?: Buffer, pause = 0): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': body.length }
    const sent = request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      let bytes = 0
      let text = ''
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (text.length < 1_000) text += chunk.toString('latin1', 0, 1_000)
        if (pause === 0) return
        response.pause()
        setTimeout(() => response.resume(), pause)
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes, text }))
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/** `before` is what the process held when it had just started to serve. */
async function measure(name: string, pid: number, before: number, work: () => Promise<string>): Promise<void> {
  forgetPeak(pid)
  const started = performance.now()
  const outcome = await work()
  const seconds = (performance.now() - started) / 1_000
  console.log(
    `${name}: ${outcome}, ${seconds.toFixed(1)} s, at most ${(megabytes('VmHWM', pid) - before).toFixed(0)} MB more than at the start`,
  )
}

async function holdIdle(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (let from = 0; from < count; from += 100) {
    const some = Array.from(
      { length: Math.min(100, count - from) },
      () =>
        new Promise<Socket>((resolve, reject) => {
          const socket = connect(port, '127.0.0.1', () => socket.write('GET /things?limit=1 HTTP/1.1\r\nHost: x\r\n\r\n'))
          socket.once('data', () => resolve(socket))
          socket.once('error', reject)
        }),
    )
    sockets.push(...(await Promise.all(some)))
  }
  return sockets
}

async function main(): Promise<void> {
  const { createStack } = (await import(pathToFileURL(join(root, 'dist', 'index.js')).href)) as { createStack: typeof CreateStack }
  await using stack = await createStack({ env: { PLINTH_SERVICES: 'db' } })
  const url = new URL(stack.values['DB_URL'] ?? stack.dbUrl)
  url.username = 'supabase_admin'
  const admin = new pg.Client({ connectionString: url.href })
  await admin.connect()
  let child: ChildProcess | undefined
  try {
    await admin.query(SCHEMA)
    const port = await freePort()
    const adminPort = await freePort()
    const output: string[] = []
    child = spawn(process.execPath, [join(root, 'dist', 'cli.js'), 'serve', 'rest'], {
      env: {
        PATH: process.env['PATH'],
        PGRST_DB_URI: `postgresql://limits_auth:bench@${url.hostname}:${url.port}${url.pathname}`,
        PGRST_DB_SCHEMAS: 'api',
        PGRST_DB_ANON_ROLE: 'limits_anon',
        PGRST_DB_CONFIG: 'false',
        PGRST_SERVER_HOST: '127.0.0.1',
        PGRST_SERVER_PORT: String(port),
        PGRST_ADMIN_SERVER_PORT: String(adminPort),
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child.stderr!.on('data', (chunk: Buffer) => output.push(chunk.toString()))
    const pid = child.pid!
    const loaded = async (tables: number): Promise<string> => {
      for (const end = Date.now() + 30_000; Date.now() < end; ) {
        const loads = output.join('').matchAll(/Schema cache queried in ([\d.]+) milliseconds[\s\S]*?Schema cache loaded (\d+) Relations/g)
        const found = [...loads].filter(([, , relations]) => Number(relations) >= tables)
        if (found.length > 0) return found.map(([, ms]) => `${ms} ms`).join(', ')
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      throw new Error(`the schema cache was not loaded: ${output.join('')}`)
    }
    await loaded(1)
    for (let turn = 0; turn < 300; turn++) await call(port, 'GET', '/things?limit=1')

    const before = megabytes('VmRSS', pid)
    console.log(`${before.toFixed(0)} MB at the start`)
    await measure('100 MB answer', pid, before, async () => {
      const { status, bytes } = await call(port, 'GET', '/rpc/large?megabytes=100')
      return `${status}, ${bytes} bytes`
    })
    await measure('100 MB answer, slow reader', pid, before, async () => {
      const { status, bytes } = await call(port, 'GET', '/rpc/large?megabytes=100', undefined, 2)
      return `${status}, ${bytes} bytes`
    })
    const row = JSON.stringify({ id: 1, name: 'n'.repeat(100), note: 'o'.repeat(370) })
    const rows = Buffer.from(`[${Array.from({ length: Math.ceil(50_000_000 / (row.length + 1)) }, () => row).join(',')}]`)
    await measure('50 MB insert', pid, before, async () => {
      const { status, text } = await call(port, 'POST', '/things', rows)
      return `${status} ${text.slice(0, 200)}, ${rows.length} bytes`
    })
    await measure('2,000 idle connections', pid, before, async () => {
      const sockets = await holdIdle(port, 2_000)
      const { status } = await call(port, 'GET', '/things?limit=1')
      const held = sockets.filter((socket) => !socket.destroyed).length
      for (const socket of sockets) socket.destroy()
      return `${held} held, another one answered with ${status}`
    })
    let turn = 0
    const shapes = (count: number) => async () => {
      let right = 0
      const worker = async () => {
        for (let left = count / 8; left > 0; left--) {
          const number = turn++
          const { status } = await call(port, 'GET', `/things?select=a${number}:id,name&id=eq.${number}&limit=1`)
          if (status === 200) right++
        }
      }
      await Promise.all(Array.from({ length: 8 }, worker))
      return `${right} answered`
    }
    await measure(`${SHAPES / 10} shapes of requests`, pid, before, shapes(SHAPES / 10))
    await measure(`${SHAPES} more`, pid, before, shapes(SHAPES))
    output.length = 0
    await admin.query(MANY)
    await admin.query("notify pgrst, 'reload schema'")
    await measure('schema cache of 1,000 tables, 250 views, 100 functions', pid, before, () => loaded(1_000))
  } finally {
    await admin.end()
    if (child !== undefined && child.exitCode === null) {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    }
  }
}

await main()
