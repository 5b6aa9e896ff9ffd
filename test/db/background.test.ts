// What the service `db` does by itself: requests of pg_net are sent and answered, jobs of pg_cron run when they are due.
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Client } from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { database, type TestDatabase, workDir } from './harness.ts'

let dir: Awaited<ReturnType<typeof workDir>>
let db: TestDatabase
let postgres: Client
let server: Server
let origin: string
const seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] = []

beforeAll(async () => {
  dir = await workDir()
  db = await database(dir)
  postgres = await db.as('postgres')
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString() })
      if (request.url === '/slow') return
      if (request.url === '/away') return response.writeHead(302, { location: '/there' }).end()
      if (request.url === '/large') return response.end(Buffer.alloc(9 * 1_048_576, 'x'))
      response
        .writeHead(request.url === '/teapot' ? 418 : 200, { 'content-type': 'application/json', 'x-a': 'b' })
        .end(`{"url":"${request.url}\\u0000"}\0`)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await db.stop()
  await dir[Symbol.asyncDispose]()
})

async function answered(sql: string, values: unknown[] = []) {
  const id = Object.values((await postgres.query(sql, values)).rows[0])[0]
  return vi.waitFor(
    async () => {
      const { rows } = await postgres.query('select * from net._http_response where id = $1', [id])
      expect(rows).toHaveLength(1)
      return rows[0]
    },
    { timeout: 5_000, interval: 20 },
  )
}

test('net.http_get sends parameters and headers and stores the answer', async () => {
  const row = await answered(`select net.http_get($1, '{"q": "ä b&c"}', '{"X-Key": "v"}')`, [`${origin}/get?a=1`])
  expect(row).toMatchObject({ status_code: 200, content_type: 'application/json', timed_out: false, error_msg: null })
  expect(row.headers).toMatchObject({ 'x-a': 'b' })
  expect(row.content).toContain('/get?a=1&q=%C3%A4%20b%26c')
  expect(seen.at(-1)).toMatchObject({ method: 'GET', headers: { 'x-key': 'v', 'user-agent': expect.stringContaining('pg_net/') } })
})

test('net.http_post sends a JSON body, net.http_delete a DELETE', async () => {
  await answered(`select net.http_post($1, '{"a": [1]}')`, [`${origin}/post`])
  expect(seen.at(-1)).toMatchObject({ method: 'POST', body: '{"a": [1]}', headers: { 'content-type': 'application/json' } })
  await answered('select net.http_delete($1)', [`${origin}/delete`])
  expect(seen.at(-1)).toMatchObject({ method: 'DELETE', body: '' })
  await expect(postgres.query(`select net.http_post('http://x', '{}', '{}', '{"Content-Type": "text/plain"}')`)).rejects.toThrow(
    'Content-Type',
  )
})

test.each([
  ['/teapot', { status_code: 418, error_msg: null }],
  ['/away', { status_code: 200, content: expect.stringContaining('/there') }],
  ['/large', { status_code: null, error_msg: expect.stringContaining('larger than') }],
])('an answer to %s becomes %j', async (path, expected) => {
  expect(await answered('select net.http_get($1)', [origin + path])).toMatchObject(expected)
})

test.each([
  ['http://127.0.0.1:1/', "Couldn't connect to server"],
  ['http://name.invalid/', "Couldn't resolve host name"],
  ['http://rest:3000/', "Couldn't resolve host name"],
  ['ftp://127.0.0.1/', 'Unsupported protocol'],
  ['nonsense', 'URL using bad/illegal format or missing URL'],
])('a request to %s that cannot be sent says %s', async (url, message) => {
  expect(await answered('select net.http_get($1)', [url])).toMatchObject({ status_code: null, error_msg: message })
})

test('a slow answer ends with its timeout and holds up nobody', async () => {
  const slow = answered('select net.http_get($1, timeout_milliseconds := 300)', [`${origin}/slow`])
  expect(await answered('select net.http_get($1)', [`${origin}/quick`])).toMatchObject({ status_code: 200 })
  expect(await slow).toMatchObject({ timed_out: true, error_msg: expect.stringContaining('Timeout of 300 ms reached') })
})

test('a request that is rolled back is never sent, and 200 at once are all answered', async () => {
  await postgres.query('begin')
  await postgres.query('select net.http_get($1)', [`${origin}/never`])
  await postgres.query('rollback')
  const { rows } = await postgres.query(`select net.http_get($1 || n) as id from generate_series(1, 200) as n`, [`${origin}/many/`])
  await vi.waitFor(
    async () => {
      const { rows: found } = await postgres.query(
        'select count(*)::int as n from net._http_response where id = any ($1) and status_code = 200',
        [rows.map(({ id }) => id)],
      )
      expect(found[0].n).toBe(200)
    },
    { timeout: 10_000, interval: 50 },
  )
  expect(seen.filter(({ url }) => url.startsWith('/many/'))).toHaveLength(200)
  expect(seen.some(({ url }) => url === '/never')).toBe(false)
  expect((await postgres.query('select from net.http_request_queue')).rowCount).toBe(0)
})

test('a database webhook posts the row, also for a role that owns nothing', async () => {
  await postgres.query(`
    create table public.hooked (id int primary key);
    create trigger hook after insert on public.hooked for each row execute function supabase_functions.http_request('${origin}/hook', 'POST', '{"Content-Type": "application/json"}', '{}', '1000')`)
  await postgres.query('begin; set local role anon; insert into public.hooked values (7); commit')
  const hook = await vi.waitFor(() => seen.find(({ url }) => url === '/hook') ?? expect.fail('not yet'), { timeout: 5_000 })
  expect(JSON.parse(hook.body)).toEqual({ type: 'INSERT', table: 'hooked', schema: 'public', record: { id: 7 }, old_record: null })
  expect((await postgres.query('select hook_name from supabase_functions.hooks')).rows).toEqual([{ hook_name: 'hook' }])
})

test('a job of pg_cron runs every second as its owner, can be altered, and stops when it is unscheduled', async () => {
  await postgres.query('create extension if not exists pg_cron with schema pg_catalog; create table public.ticks (who text)')
  const { rows } = await postgres.query(`select cron.schedule('tick', '1 second', 'insert into public.ticks values (current_user)') as id`)
  const runs = async (where: string) => (await postgres.query(`select * from cron.job_run_details where ${where} order by runid`)).rows
  await vi.waitFor(
    async () => expect((await postgres.query('select distinct who from public.ticks')).rows).toEqual([{ who: 'postgres' }]),
    { timeout: 5_000 },
  )
  const [first] = await vi.waitFor(async () => {
    const found = await runs(`status = 'succeeded'`)
    expect(found).not.toHaveLength(0)
    return found
  })
  expect(first).toMatchObject({ jobid: rows[0].id, database: 'postgres', username: 'postgres', return_message: 'INSERT 0 1' })

  await postgres.query(`select cron.alter_job($1, command := 'select 1/0')`, [rows[0].id])
  await vi.waitFor(async () => expect((await runs(`status = 'failed'`))[0]).toMatchObject({ return_message: 'ERROR:  division by zero' }), {
    timeout: 5_000,
  })
  await postgres.query(
    `select cron.alter_job($1, command := 'reset session authorization; select current_user::regrole, pg_read_file(''PG_VERSION'')')`,
    [rows[0].id],
  )
  await vi.waitFor(async () => expect((await runs(`status = 'failed'`)).at(-1).return_message).toContain('permission denied'), {
    timeout: 5_000,
  })
  expect((await postgres.query(`select cron.unschedule('tick') as gone`)).rows).toEqual([{ gone: true }])
  await expect(postgres.query(`select cron.unschedule('tick')`)).rejects.toThrow(`could not find valid entry for job 'tick'`)
})

test.each(['* * * *', '60 * * * *', '60 seconds', '* * * * 8', '@reboot', '*/0 * * * *', 'x'])(
  'cron.schedule refuses %j',
  async (schedule) => {
    await expect(postgres.query('select cron.schedule($1, $2)', [schedule, 'select 1'])).rejects.toThrow('invalid schedule')
  },
)

test.each(['*/5 1-3,7 $ jan-mar sun', '30 seconds', '@daily', '0 0 1 1 7'])('cron.schedule takes %j', async (schedule) => {
  const { rows } = await postgres.query('select cron.schedule($1, $2) as id', [schedule, 'select 1'])
  await postgres.query('select cron.unschedule($1::bigint)', [rows[0].id])
})

test('postgres cannot make jobs for a superuser', async () => {
  await expect(
    postgres.query(`select cron.schedule_in_database('x', '* * * * *', 'select 1', 'postgres', 'supabase_admin')`),
  ).rejects.toThrow('must be superuser')
  await expect(
    postgres.query(`insert into cron.job (schedule, command, username) values ('* * * * *', 'select 1', 'supabase_admin')`),
  ).rejects.toThrow('permission denied')
  await expect(postgres.query(`select cron._schedule('x', '* * * * *', 'select 1', 'postgres', 'supabase_admin', true)`)).rejects.toThrow(
    'permission denied',
  )
})
