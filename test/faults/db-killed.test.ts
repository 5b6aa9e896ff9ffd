// The server is killed, or whoever started it is: the next start has every committed row.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { silentLog } from '../../src/log/log.ts'
import { stopOrphan } from '../../src/services/db/server/orphan.ts'
import { serverTree } from '../../src/services/db/server/overlay.ts'
import { postgresPackage } from '../../src/services/db/server/package.ts'
import { makeFolders, placeCluster } from '../../src/services/db/server/place.ts'
import { birthOf } from '../../src/services/db/server/process-table.ts'
import { spawnServerProgram } from '../../src/services/db/server/run.ts'
import { database, freePort, workDir } from '../db/harness.ts'

const pidIn = async (dataDir: string) => Number((await readFile(join(dataDir, 'postmaster.pid'), 'utf8')).split('\n')[0])

test('after kill -9 of the server its health fails and a start brings all back', async () => {
  await using dir = await workDir()
  const first = await database(dir)
  const { dataDir } = first.service
  const client = await first.as('postgres')
  await client.query('create table public.t (n int)')
  for (let n = 0; n < 20; n++) await client.query('insert into public.t values ($1)', [n])
  process.kill(await pidIn(dataDir!), 'SIGKILL')
  await vi.waitFor(() => expect(first.service.health()).rejects.toThrow(), { timeout: 5_000 })
  await first.stop()

  await using again = await database({ ...dir, port: first.port })
  expect(again.service.fresh).toBe(false)
  expect((await (await again.as('postgres')).query('select count(*)::int as n from public.t')).rows).toEqual([{ n: 20 }])
})

test('a server that was left running is stopped and started anew', async () => {
  await using dir = await workDir()
  const first = await database(dir)
  const dataDir = first.service.dataDir!
  await first.stop()
  const place = await placeCluster({ stateDir: dir.stateDir, pgdata: undefined })
  await makeFolders(place)
  const tree = await serverTree({ source: postgresPackage(), cacheDir: place.cacheDir, user: place.user })
  const orphan = spawnServerProgram(
    tree,
    'postgres',
    ['-D', dataDir, '-h', '127.0.0.1', '-p', String(await freePort()), '-k', place.runDir],
    {
      user: place.user,
      cwd: dataDir,
      stdin: 'ignore',
      ownGroup: true,
    },
  )
  orphan.stderr?.resume()
  await vi.waitFor(async () => expect(await readFile(join(dataDir, 'postmaster.pid'), 'utf8')).toContain('ready'), {
    timeout: 10_000,
    interval: 20,
  })

  await using db = await database(dir)
  await db.service.health()
  expect(await birthOf(orphan.pid!)).toBeUndefined()
  expect(db.lines.join('')).toContain('left running')
})

test('a stale pid file whose number a stranger has now is no obstacle, and the stranger lives', async () => {
  await using dir = await workDir()
  const first = await database(dir)
  const dataDir = first.service.dataDir!
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8')
  await first.stop()
  const { user } = await placeCluster({ stateDir: dir.stateDir, pgdata: undefined })
  const stranger = spawn('/bin/sleep', ['60'], { cwd: '/', stdio: 'ignore', ...(user ? { uid: user.uid, gid: user.gid } : {}) })
  try {
    await once(stranger, 'spawn')
    await writeFile(join(dataDir, 'postmaster.pid'), text.replace(/^\d+/, String(stranger.pid)), { mode: 0o600 })
    await using db = await database(dir)
    await db.service.health()
    expect(stranger.exitCode).toBeNull()
  } finally {
    stranger.kill()
  }
})

test('a second start of the same database is refused and names the process', async () => {
  await using dir = await workDir()
  await using db = await database(dir)
  await expect(database(dir)).rejects.toThrow(`in use by another Plinth (process ${process.pid})`)
  await db.service.health()
})

test('a port that is taken is named with its settings', async () => {
  await using dir = await workDir()
  await using other = await workDir()
  await using db = await database(dir)
  await expect(database({ ...other, port: db.port })).rejects.toThrow(new RegExp(`port ${db.port} is taken .*POSTGRES_PORT`))
})

test('stopOrphan() leaves a server alone that somebody looks after', async () => {
  await using dir = await workDir()
  await using db = await database(dir)
  await stopOrphan(dir.stateDir, silentLog)
  await db.service.health()
})
