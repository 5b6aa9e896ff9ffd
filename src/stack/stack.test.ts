import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { silentLog } from '../log/log.ts'
import type { DatabaseService } from '../service/database.ts'
import type { NodeDescription, StackDescription } from './description.ts'
import { Stack } from './stack.ts'

const fake = vi.hoisted(() => ({
  dataDir: '',
  healthy: true,
  startFails: 0,
  endOf: undefined as (() => void) | undefined,
  removed: 0,
}))

vi.mock('./kinds.ts', () => ({
  kinds: {},
  loadKind: async () => ({
    name: 'db',
    env: z.object({}),
    needs: {},
    listen: () => [],
    start: async (): Promise<DatabaseService> => {
      if (fake.startFails > 0) {
        fake.startFails--
        throw new Error('no room')
      }
      const fresh = !existsSync(fake.dataDir)
      mkdirSync(fake.dataDir, { recursive: true })
      return {
        endpoints: [],
        fresh,
        adminUrl: '',
        dataDir: fake.dataDir,
        ended: new Promise((resolve) => {
          fake.endOf = resolve
        }),
        health: () => (fake.healthy ? Promise.resolve() : Promise.reject(new Error('down'))),
        stop: async () => {},
        remove: async () => {
          fake.removed++
          rmSync(fake.dataDir, { recursive: true, force: true })
        },
      }
    },
  }),
}))

let workDir: string
beforeEach(() => {
  workDir = mkdtempSync(join(tmpdir(), 'plinth-stack-'))
  Object.assign(fake, { dataDir: join(workDir, 'data'), healthy: true, startFails: 0, endOf: undefined, removed: 0 })
})
afterEach(() => rmSync(workDir, { recursive: true, force: true }))

const health = { intervalMs: 10, timeoutMs: 1_000, retries: 1, startPeriodMs: 1_000 }
const database: NodeDescription = {
  name: 'db',
  kind: 'db',
  aliases: [],
  env: { POSTGRES_HOST: 'elsewhere.test', POSTGRES_PASSWORD: 'x' },
  needs: {},
  health,
  place: { at: 'here' },
}

const describe = (over: Partial<StackDescription> = {}): StackDescription => ({
  name: 'test',
  form: 'project',
  workDir,
  stateDir: join(workDir, '.plinth'),
  nodes: [database],
  absent: [],
  values: [],
  ports: [],
  prepare: async () => {},
  notices: [],
  ...over,
})
const stackOf = (over: Partial<StackDescription> = {}, options: Partial<ConstructorParameters<typeof Stack>[1]> = {}) =>
  new Stack(describe(over), { log: silentLog, ...options })
const stateOf = (stack: Stack) => stack.status.nodes[0]!.state

test('an observer that throws breaks neither the start, nor a restart, nor the stop', async () => {
  const states: string[] = []
  const stack = stackOf(
    {},
    {
      onNode: ({ state }) => {
        states.push(state)
        throw new Error('a bug of the observer')
      },
    },
  )
  await stack.start()
  fake.endOf!()
  await vi.waitFor(() => expect(states.filter((state) => state === 'healthy')).toHaveLength(2), 5_000)
  await stack.stop()
  expect(stateOf(stack)).toBe('stopped')
})

test('a reset that comes while the database restarts, or after one that failed, makes it anew', async () => {
  const stack = stackOf()
  await stack.start()
  fake.startFails = 1_000
  fake.endOf!()
  await vi.waitFor(() => expect(stateOf(stack)).toBe('failed'), 5_000)
  await expect(stack.resetDatabase({ seed: true }, () => {})).rejects.toThrow('no room')
  fake.startFails = 0
  await stack.resetDatabase({ seed: true }, () => {})
  expect([stateOf(stack), fake.removed]).toEqual(['healthy', 2])
  await stack.stop()
})

test('data are removed with the stack also while the database is down', async () => {
  const stack = stackOf()
  await stack.start()
  fake.startFails = 1_000
  fake.endOf!()
  await vi.waitFor(() => expect(stateOf(stack)).toBe('failed'), 5_000)
  await stack.stop({ removeData: true })
  expect(existsSync(fake.dataDir)).toBe(false)
})

test('a reset that comes behind a stop deletes nothing', async () => {
  const stack = stackOf()
  await stack.start()
  const stopped = stack.stop()
  await expect(stack.resetDatabase({ seed: true }, () => {})).rejects.toThrow('the stack is stopped')
  await stopped
  expect([existsSync(fake.dataDir), fake.removed]).toEqual([true, 0])
})

test('a stop does not wait for a preparation that does not end, in a start or in a reset', async () => {
  const asked = deferred()
  let endless = true
  const stack = stackOf({
    prepare: () => {
      if (!endless) return Promise.resolve()
      asked.resolve()
      return new Promise(() => {})
    },
  })
  const abort = new AbortController()
  const started = stack.start(abort.signal)
  await asked.promise
  abort.abort(new Error('interrupted'))
  await expect(started).rejects.toThrow('interrupted')
  expect(existsSync(fake.dataDir)).toBe(false)

  endless = false
  await stack.start()
  endless = true
  const reset = stack.resetDatabase({ seed: true }, () => {})
  const refused = expect(reset).rejects.toThrow('the stack is stopped')
  await vi.waitFor(() => expect(fake.removed).toBe(2), 5_000)
  await stack.stop()
  await refused
})

test('a service elsewhere that was unhealthy is healthy again when it answers', async () => {
  let status = 200
  const server = createServer((_, res) => res.writeHead(status).end()).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const stack = stackOf({ nodes: [{ ...database, name: 'rest', kind: 'rest', place: { at: 'address', url } }] })
  await stack.start()
  status = 500
  await vi.waitFor(() => expect(stateOf(stack)).toBe('unhealthy'), 5_000)
  status = 200
  await vi.waitFor(() => expect(stateOf(stack)).toBe('healthy'), 5_000)
  await stack.stop()
  server.closeAllConnections()
  server.close()
})

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
