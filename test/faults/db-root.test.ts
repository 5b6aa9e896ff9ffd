// Root starts the stack in a work dir that nobody else may enter, on a machine where npm skipped its install scripts.
import { chmod, cp, mkdtemp, readdir, readFile, rm, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { serverTree } from '../../src/services/db/server/overlay.ts'
import { postgresPackage } from '../../src/services/db/server/package.ts'
import { placeCluster, ROOT_HOME, removeCluster } from '../../src/services/db/server/place.ts'
import { outcomeOf, spawnServerProgram } from '../../src/services/db/server/run.ts'
import { serverUser } from '../../src/services/db/server/user.ts'
import { database, workDir } from '../db/harness.ts'

const root = process.getuid?.() === 0

test.runIf(root)('as root with a work dir of mode 0700 the cluster lies under /var/lib/plinth, and no mode is widened', async () => {
  await using dir = await workDir()
  expect((await stat(dir.path)).mode & 0o777).toBe(0o700)
  const db = await database(dir)
  const dataDir = db.service.dataDir!
  expect(dirname(dirname(dataDir))).toBe(ROOT_HOME)
  expect((await stat(dirname(dataDir))).mode & 0o777).toBe(0o700)
  expect((await stat(dir.path)).mode & 0o777).toBe(0o700)
  expect(JSON.parse(await readFile(join(dir.stateDir, 'state.json'), 'utf8'))).toEqual({ database: { dataDir } })
  await expect(removeCluster(dir.stateDir)).rejects.toThrow('is running')
  await db.stop()
  const { runDir } = await placeCluster({ stateDir: dir.stateDir, pgdata: undefined })
  await expect(stat(runDir)).rejects.toThrow('ENOENT')
  await removeCluster(dir.stateDir)
  await expect(stat(dirname(dataDir))).rejects.toThrow('ENOENT')
})

test.runIf(root)('a start that fails leaves nothing under /var/lib/plinth', async () => {
  await using dir = await workDir()
  const { dataDir, runDir } = await placeCluster({ stateDir: dir.stateDir, pgdata: undefined })
  await expect(database({ ...dir, env: { PLINTH_DB_SETTINGS: '{"shared_buffers":"no size"}' } })).rejects.toThrow()
  for (const folder of [dataDir, dirname(dataDir), runDir]) await expect(stat(folder)).rejects.toThrow('ENOENT')
})

test.runIf(root)('as root with a work dir that everybody may pass the cluster lies in .plinth', async () => {
  await using dir = await workDir()
  await chmod(dir.path, 0o755)
  await using db = await database(dir)
  expect(db.service.dataDir).toBe(join(dir.stateDir, 'db'))
  expect((await stat(db.service.dataDir!)).uid).not.toBe(0)
})

test.each([
  ['links to', 0o755],
  ['copies of', 0o700],
])('a tree with %s the package’s files works though its library links are missing', async (kind, mode) => {
  const real = postgresPackage()
  const folder = await mkdtemp(join(tmpdir(), 'plinth-tree-'))
  const user = serverUser()
  try {
    await chmod(folder, 0o755)
    const native = join(folder, 'package', 'native')
    await cp(join(real.native, 'bin'), join(native, 'bin'), { recursive: true })
    for (const name of await readdir(join(real.native, 'lib'))) {
      if (!real.links.has(name)) await cp(join(real.native, 'lib', name), join(native, 'lib', name), { recursive: true })
    }
    await symlink(join(real.native, 'share'), join(native, 'share'))
    await chmod(join(folder, 'package'), mode)
    const cacheDir = join(folder, 'cache')
    const [tree] = await Promise.all([1, 2, 3].map(() => serverTree({ source: { ...real, native }, cacheDir, user })))
    expect(await readdir(cacheDir)).toHaveLength(1)
    const { code, output } = await outcomeOf(
      spawnServerProgram(tree!, 'postgres', ['--version'], { user, cwd: '/', stdin: 'ignore', stdout: 'pipe' }),
    )
    expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining('PostgreSQL) 17') })
    if (kind === 'copies of' && user) expect((await stat(join(tree!.bin, '..', 'lib', 'postgresql', 'plpgsql.so'))).isFile()).toBe(true)
  } finally {
    await chmod(join(folder, 'package'), 0o755)
    await rm(folder, { recursive: true })
  }
})
