// Changes of tables from insert to message: one row at a time at a given rate, and many rows in one transaction, to subscribers with claims of
// their own under row level security. Times are those of this process, which writes and receives.
import pg from 'pg'
import { openRawClient, type RawClient } from './raw-client.ts'

export interface ChangesLoad {
  readonly port: number
  /** One for each subscriber: the path of the handshake, with a token. */
  readonly paths: readonly string[]
  readonly databaseUrl: string
  readonly owner: string
  readonly perSecond: number
  readonly seconds: number
  readonly burst: number
}

export interface ChangesOutcome {
  readonly p50: number
  readonly p99: number
  readonly lost: number
  readonly burstMs: number
  readonly burstLost: number
}

export async function changes(load: ChangesLoad): Promise<ChangesOutcome> {
  const client = new pg.Client({ connectionString: load.databaseUrl })
  await client.connect()
  await client.query(`
    create table if not exists public.bench_changes (id int primary key, owner uuid, at float8, pad text);
    truncate public.bench_changes;
    grant select on public.bench_changes to anon, authenticated, service_role;
    alter table public.bench_changes enable row level security;
    drop policy if exists own on public.bench_changes;
    create policy own on public.bench_changes for select to authenticated
      using (owner = (select (current_setting('request.jwt.claims', true)::jsonb ->> 'sub')::uuid))`)
  await client.query('alter publication supabase_realtime add table public.bench_changes').catch(() => undefined) // it is there from the last run
  const sockets: RawClient[] = []
  try {
    for (const [index, path] of load.paths.entries()) sockets.push(await subscribe(load.port, path, `realtime:changes-${index}`))
    const latencies: number[] = []
    let received = 0
    let last = 0
    const count = (text: string): void => {
      if (!text.includes('"postgres_changes"')) return
      received++
      last = performance.now()
      const at = /"at": ([\d.]+)/.exec(text)?.[1]
      if (at !== undefined) latencies.push(last - Number(at))
    }
    for (const socket of sockets) socket.onText = count
    const all = async (expected: number): Promise<void> => {
      for (const end = performance.now() + 30_000; received < expected && performance.now() < end; ) await sleep(5)
    }

    const rows = load.perSecond * load.seconds
    const began = performance.now()
    for (let id = 1; id <= rows; id++) {
      await client.query({
        name: 'insert',
        text: `insert into public.bench_changes values ($1, $2, $3, repeat('x', 200))`,
        values: [id, load.owner, performance.now()],
      })
      await sleep(Math.max(0, began + (id * 1_000) / load.perSecond - performance.now()))
    }
    await all(rows * sockets.length)
    const lost = rows * sockets.length - received
    latencies.sort((a, b) => a - b)
    const at = (share: number): number => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? Number.NaN

    received = 0
    const start = performance.now()
    await client.query(
      `insert into public.bench_changes select 1000000 + i, $1, null, repeat('x', 200) from generate_series(1, $2::int) i`,
      [load.owner, load.burst],
    )
    await all(load.burst * sockets.length)
    return { p50: at(0.5), p99: at(0.99), lost, burstMs: last - start, burstLost: load.burst * sockets.length - received }
  } finally {
    for (const { socket } of sockets) socket.destroy()
    await client.end()
  }
}

/** Resolves when the subscription is live. */
async function subscribe(port: number, path: string, topic: string): Promise<RawClient> {
  const socket = await openRawClient(port, path)
  await new Promise<void>((resolve, reject) => {
    socket.onText = (text) => {
      if (text.includes('Subscribed to PostgreSQL')) resolve()
      else if (text.includes('"error"')) reject(new Error(text.slice(0, 300)))
    }
    const entry = { event: 'INSERT', schema: 'public', table: 'bench_changes' }
    socket.send(JSON.stringify(['1', '1', topic, 'phx_join', { config: { postgres_changes: [entry] } }]))
  })
  return socket
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
