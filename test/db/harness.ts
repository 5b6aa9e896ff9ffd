// Databases for tests: the service `db` on a free port with a folder of its own, made from one initialised cluster by copying.
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { readEnv } from '../../src/env/read.ts'
import { Dispatcher } from '../../src/http/dispatch.ts'
import { createLog, silentLog } from '../../src/log/log.ts'
import type { DatabaseService } from '../../src/service/database.ts'
import { dbEnv } from '../../src/services/db/env.ts'
import { startDatabase } from '../../src/services/db/index.ts'
import { type EmbeddedServer, startEmbedded } from '../../src/services/db/server/embedded.ts'
import { removeCluster } from '../../src/services/db/server/place.ts'
import { ensureRootKey } from '../../src/services/db/server/root-key.ts'

export interface TestDatabase extends AsyncDisposable {
  readonly service: DatabaseService
  readonly port: number
  readonly lines: readonly string[]
  /** A connection as a role of the stack, ended with the database. */
  as(user: string, database?: string): Promise<pg.Client>
  stop(): Promise<void>
}

export interface TestDatabaseOptions {
  readonly stateDir: string
  readonly password?: string
  readonly env?: Readonly<Record<string, string>>
  readonly port?: number
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A work dir of the test's own (mode 0700, as mkdtemp makes it), gone with what root has put elsewhere. */
export async function workDir(): Promise<{ readonly path: string; readonly stateDir: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'plinth-db-'))
  const stateDir = join(path, '.plinth')
  return {
    path,
    stateDir,
    async [Symbol.asyncDispose]() {
      await removeCluster(stateDir)
      await rm(path, { recursive: true, force: true })
    },
  }
}

export async function database(options: TestDatabaseOptions): Promise<TestDatabase> {
  const port = options.port ?? (await freePort())
  const password = options.password ?? 'postgres'
  const lines: string[] = []
  const log = createLog({ format: 'json', level: 'debug', write: (line) => lines.push(line) })
  const env = readEnv(dbEnv, {
    PLINTH_STATE_DIR: options.stateDir,
    POSTGRES_PASSWORD: password,
    POSTGRES_PORT: String(port),
    JWT_SECRET: 'super-secret-jwt-token-with-at-least-32-characters-long',
    ...options.env,
  })
  const service = await startDatabase(env, { log, dispatcher: new Dispatcher(), signal: new AbortController().signal })
  const clients: pg.Client[] = []
  const stop = async () => {
    await Promise.all(clients.splice(0).map((client) => client.end().catch(() => {})))
    await service.stop()
  }
  return {
    service,
    port,
    lines,
    async as(user, name = 'postgres') {
      const client = new pg.Client({ host: '127.0.0.1', port, user, password, database: name })
      client.on('error', () => {})
      await client.connect()
      clients.push(client)
      return client
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** The server alone, as the service starts it before anything is bootstrapped. */
export async function bareServer(stateDir: string, password = 'postgres'): Promise<EmbeddedServer & { readonly port: number }> {
  const port = await freePort()
  const server = await startEmbedded({
    stateDir,
    pgdata: undefined,
    listen: '127.0.0.1',
    port,
    password,
    settings: {},
    log: silentLog,
    signal: new AbortController().signal,
    furnish: (place) => ensureRootKey(place, undefined),
  })
  return { ...server, port }
}
