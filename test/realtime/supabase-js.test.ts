// The official client against a stack: broadcast, presence, private channels and changes, as an application uses them.
import { createClient, type RealtimeChannel, type SupabaseClient } from '@supabase/supabase-js'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createStack, type RunningStack } from '../../src/create-stack.ts'
import { sign } from '../support/auth-service.ts'

let stack: RunningStack
let database: pg.Client
const clients: SupabaseClient[] = []
beforeAll(async () => {
  stack = await createStack({ env: { PLINTH_SERVICES: 'db,gateway,rest,realtime' } })
  database = new pg.Client({ connectionString: stack.dbUrl })
  await database.connect()
})
afterAll(async () => {
  await Promise.all(clients.map((client) => client.removeAllChannels().then(() => client.realtime.disconnect())))
  await database?.end()
  await stack?.stop()
})

function client(key = stack.anonKey): SupabaseClient {
  const made = createClient(stack.url, key, {
    auth: { persistSession: false, autoRefreshToken: false },
    realtime: { transport: WebSocket as never },
  })
  clients.push(made)
  return made
}

const subscribed = (channel: RealtimeChannel): Promise<void> =>
  new Promise((resolve, reject) => {
    channel.subscribe((status, error) => {
      if (status === 'SUBSCRIBED') resolve()
      else if (status !== 'CLOSED') reject(error ?? new Error(status))
    })
  })
const user = (claims: object) =>
  sign(
    { role: 'authenticated', sub: 'a0000000-0000-4000-8000-000000000001', exp: Math.floor(Date.now() / 1_000) + 600, ...claims },
    stack.values['JWT_SECRET'],
  )

test('broadcast: acknowledged, heard by others, and sent over HTTP', async () => {
  const [a, b] = [client().channel('room', { config: { broadcast: { ack: true } } }), client().channel('room')]
  const heard: unknown[] = []
  let enough = () => {}
  const done = new Promise<void>((resolve) => {
    enough = resolve
  })
  b.on('broadcast', { event: '*' }, ({ event, payload }) => {
    heard.push([event, payload])
    if (event === 'last') enough()
  })
  await Promise.all([subscribed(a), subscribed(b)])
  expect(await a.send({ type: 'broadcast', event: 'cursor', payload: { x: 1, name: 'é' } })).toBe('ok')
  expect(await a.httpSend('http', { y: 2 })).toMatchObject({ success: true })
  expect(await a.send({ type: 'broadcast', event: 'last', payload: {} })).toBe('ok')
  await done
  expect(heard).toEqual([
    ['cursor', { x: 1, name: 'é' }],
    ['http', { y: 2 }],
    ['last', {}],
  ])
})

test('presence: everybody sees who is there, and who goes', async () => {
  const [one, two] = [client(), client()]
  const [a, b] = [
    one.channel('lobby', { config: { presence: { key: 'ann' } } }),
    two.channel('lobby', { config: { presence: { key: 'bob' } } }),
  ]
  const seen: string[] = []
  let wake = () => {}
  const until = async (what: string) => {
    while (!seen.includes(what))
      await new Promise<void>((resolve) => {
        wake = resolve
      })
  }
  const note = (what: string) => {
    seen.push(what)
    wake()
  }
  b.on('presence', { event: 'join' }, ({ key }) => note(`${key} came`)).on('presence', { event: 'leave' }, ({ key }) => note(`${key} went`))
  await subscribed(b)
  a.on('presence', { event: 'sync' }, () => undefined)
  await subscribed(a)
  expect(await a.track({ at: 'desk' })).toBe('ok')
  await until('ann came')
  expect(b.presenceState()).toMatchObject({ ann: [{ at: 'desk' }] })
  await one.removeChannel(a)
  await until('ann went')
  expect(b.presenceState()).toEqual({})
})

test('a private channel is for who may, and a new token counts', async () => {
  await database.query(`create policy "team rooms" on realtime.messages for all to authenticated
    using (realtime.topic() = 'team:' || (auth.jwt() ->> 'team')) with check (realtime.topic() = 'team:' || (auth.jwt() ->> 'team'))`)
  const outsider = client()
  await expect(subscribed(outsider.channel('team:red', { config: { private: true } }))).rejects.toThrow(
    /Unauthorized: You do not have permissions/,
  )
  await outsider.removeAllChannels()
  const member = client()
  await member.realtime.setAuth(user({ team: 'red' }))
  const channel = member.channel('team:red', { config: { private: true, broadcast: { self: true, ack: true } } })
  const heard = new Promise((resolve) => channel.on('broadcast', { event: 'hi' }, ({ payload }) => resolve(payload)))
  await subscribed(channel)
  expect(await channel.send({ type: 'broadcast', event: 'hi', payload: { n: 1 } })).toBe('ok')
  expect(await heard).toEqual({ n: 1 })
  const ended = new Promise<{ message: string }>((resolve) => channel.on('system', {}, resolve))
  await member.realtime.setAuth(user({ team: 'blue' }))
  expect((await ended).message).toBe('You do not have permissions to read from this Channel topic: team:red')
}, 60_000)

test('changes of a table arrive, converted by their types', async () => {
  await database.query(`create table notes (id int8 primary key, body text, tags text[]); alter publication supabase_realtime add table notes;
    grant select on notes to anon`)
  const channel = client().channel('notes')
  const live = new Promise<void>((resolve) =>
    channel.on('system', {}, ({ extension, status }) => extension === 'postgres_changes' && status === 'ok' && resolve()),
  )
  const inserted = new Promise((resolve) =>
    channel.on('postgres_changes', { event: 'INSERT', schema: 'public', table: 'notes', filter: 'id=gt.1' }, ({ new: row }) =>
      resolve(row),
    ),
  )
  await subscribed(channel)
  await live
  await database.query(`insert into notes values (1, 'filtered out', '{}'), (2, 'hello', '{a,b}')`)
  expect(await inserted).toEqual({ id: 2, body: 'hello', tags: ['a', 'b'] })
})

test('realtime.send reaches a channel', async () => {
  const channel = client().channel('from-sql')
  const ready = new Promise<void>((resolve) => channel.on('system', {}, () => resolve()))
  const heard = new Promise((resolve) => channel.on('broadcast', { event: 'ding' }, ({ payload }) => resolve(payload)))
  channel.params.config.broadcast = { ...channel.params.config.broadcast, replication_ready: true } as never
  await subscribed(channel)
  await ready
  await database.query(`select realtime.send('{"a":1}', 'ding', 'from-sql', false)`)
  expect(await heard).toMatchObject({ a: 1, id: expect.any(String) })
})
