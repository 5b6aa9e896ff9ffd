import { readFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { startRest } from '../rest/harness.ts'
import { startPostgres } from '../support/postgres.ts'

/** A door to the database that can be shut. */
async function door(target: URL) {
  const sockets = new Set<Socket>()
  let open = false
  const server = createServer((client) => {
    if (!open) {
      client.resetAndDestroy()
      return
    }
    const upstream = connect(Number(target.port), target.hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        client.destroy()
        upstream.destroy()
        sockets.delete(socket)
      })
    }
    client.pipe(upstream).pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    open() {
      open = true
    },
    shut() {
      open = false
      for (const socket of sockets) socket.resetAndDestroy()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('REST starts before its database, outlives its absence and serves again by itself', async () => {
  await using postgres = await startPostgres()
  const admin = await postgres.connect()
  await admin.query(readFileSync(new URL('../rest/schema.sql', import.meta.url), 'utf8'))
  await using way = await door(new URL(postgres.url()))
  await using rest = await startRest(`postgresql://authenticator@127.0.0.1:${way.port}/postgres`)

  await expect(rest.health()).rejects.toThrow()
  const early = await rest.call('GET', '/clients')
  expect([early.status, early.json.code, early.headers.get('retry-after')]).toEqual([503, 'PGRST002', '1'])
  expect((await fetch(`${rest.admin}/ready`)).status).toBe(503)

  way.open()
  await expect.poll(async () => (await rest.call('GET', '/clients?select=id&id=eq.1')).json, { timeout: 10_000 }).toEqual([{ id: 1 }])
  await rest.health()

  const running = Array.from({ length: 20 }, () => rest.call('POST', '/rpc/nap', { body: { seconds: 0.3 } }))
  const atWork = async () =>
    (await admin.query("select count(*)::int as n from pg_stat_activity where usename = 'authenticator' and wait_event = 'PgSleep'"))
      .rows[0].n
  await expect.poll(atWork, { interval: 5 }).toBeGreaterThan(0)
  way.shut()
  for (const { status, json } of await Promise.all(running))
    expect([status, json?.code]).toEqual([503, expect.stringMatching(/^PGRST00[01]$/)])
  const away = await rest.call('GET', '/clients')
  expect([away.status, away.json.code, away.headers.get('retry-after')]).toEqual([503, 'PGRST000', '1'])

  way.open()
  await expect.poll(async () => (await rest.call('GET', '/clients?select=id&id=eq.1')).status, { timeout: 10_000 }).toBe(200)
  // What changed while the listener was away is seen too.
  await admin.query("create table api.later as select 1 as id; grant select on api.later to web_anon; notify pgrst, 'reload schema'")
  await expect.poll(async () => (await rest.call('GET', '/later')).status, { timeout: 10_000 }).toBe(200)
})
