// What an interrupted first start left: made anew if it is ours, kept aside if nobody can say, and a complete cluster is never deleted.
import { existsSync } from 'node:fs'
import { chown, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { silentLog } from '../../src/log/log.ts'
import { startEmbedded } from '../../src/services/db/server/embedded.ts'
import { MAKING, placeCluster, removeCluster } from '../../src/services/db/server/place.ts'
import { database, freePort, workDir } from '../db/harness.ts'

async function placeOf(stateDir: string) {
  return placeCluster({ stateDir, pgdata: undefined })
}

test('a cluster that was being made is made anew', async () => {
  await using dir = await workDir()
  const { dataDir, user } = await placeOf(dir.stateDir)
  await mkdir(join(dataDir, MAKING, 'base'), { recursive: true, mode: 0o700 })
  await writeFile(join(dataDir, MAKING, 'PG_VERSION'), '17\n')
  await mkdir(join(dataDir, 'global'))
  if (user) for (const path of [dirname(dataDir), dataDir]) await chown(path, user.uid, user.gid)
  await using db = await database(dir)
  expect(db.service.fresh).toBe(true)
  await db.service.health()
  expect(await readdir(dataDir)).not.toContain(MAKING)
})

test('a half-made cluster without a mark is moved aside', async () => {
  await using dir = await workDir()
  const { dataDir, user } = await placeOf(dir.stateDir)
  await mkdir(join(dataDir, 'base'), { recursive: true, mode: 0o700 })
  await writeFile(join(dataDir, 'PG_VERSION'), '17\n')
  if (user) for (const path of [dirname(dataDir), dataDir]) await chown(path, user.uid, user.gid)
  await using db = await database(dir)
  expect(db.service.fresh).toBe(true)
  const aside = (await readdir(dirname(dataDir))).find((name) => name.includes('incomplete'))
  expect(await readdir(join(dirname(dataDir), aside!))).toContain('PG_VERSION')
  await rm(join(dirname(dataDir), aside!), { recursive: true })
})

test('a complete cluster that lost its control file is reported, not deleted', async () => {
  await using dir = await workDir()
  const first = await database(dir)
  await first.stop()
  const dataDir = first.service.dataDir!
  const control = await readFile(join(dataDir, 'global', 'pg_control'))
  await rm(join(dataDir, 'global', 'pg_control'))
  await expect(database(dir)).rejects.toThrow('is damaged: global/pg_control is gone')
  expect(await readdir(dataDir)).toContain('base')
  await writeFile(join(dataDir, 'global', 'pg_control'), control, { mode: 0o600 })
})

test('a cluster of another major version is left alone, and the message says what to do', async () => {
  await using dir = await workDir()
  const first = await database(dir)
  await first.stop()
  const dataDir = first.service.dataDir!
  await writeFile(join(dataDir, 'PG_VERSION'), '15\n')
  await expect(database(dir)).rejects.toThrow(
    /made by Postgres 15, and this Plinth brings Postgres 17\. Nothing was changed\..*POSTGRES_HOST/,
  )
  await writeFile(join(dataDir, 'PG_VERSION'), '17\n')
})

test('PGDATA with files of somebody else is refused, and never deleted', async () => {
  await using dir = await workDir()
  const folder = join('/tmp', `plinth-foreign-${process.pid}`)
  await mkdir(folder, { mode: 0o755 })
  try {
    await writeFile(join(folder, 'thesis.txt'), 'years of work')
    await expect(database({ ...dir, env: { PGDATA: folder } })).rejects.toThrow('holds files, but no Postgres cluster')
    await mkdir(dir.stateDir, { recursive: true })
    await writeFile(join(dir.stateDir, 'state.json'), JSON.stringify({ database: { dataDir: folder } }))
    await expect(removeCluster(dir.stateDir)).rejects.toThrow('was not made by Plinth')
    expect(await readdir(folder)).toEqual(['thesis.txt'])
    await rm(join(dir.stateDir, 'state.json'))
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('a first start that fails behind initdb leaves no cluster, wherever it lies', async () => {
  await using dir = await workDir()
  const { dataDir } = await placeOf(dir.stateDir)
  const started = startEmbedded({
    stateDir: dir.stateDir,
    pgdata: undefined,
    listen: '127.0.0.1',
    port: await freePort(),
    password: 'x',
    settings: {},
    log: silentLog,
    signal: new AbortController().signal,
    furnish: () => Promise.reject(new Error('interrupted')),
  })
  await expect(started).rejects.toThrow('interrupted')
  expect(existsSync(dataDir)).toBe(false)
})
