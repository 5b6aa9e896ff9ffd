// The disk is full when the database is made, and when it is started: an exact message, and with space again everything is there.
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, open, readdir, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { database, workDir } from '../db/harness.ts'

const mounted: string[] = []

/** A small disk of its own; undefined where this user may not mount one. */
async function smallDisk(megabytes: number): Promise<string | undefined> {
  const path = await mkdtemp(join(tmpdir(), 'plinth-disk-'))
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'tmpfs', path])
  if (status === 0) mounted.push(path)
  return status === 0 ? path : undefined
}
const canMount =
  process.getuid?.() === 0 &&
  spawnSync('sh', ['-c', 'd=$(mktemp -d) && mount -t tmpfs -o size=1m tmpfs $d && umount $d && rmdir $d']).status === 0

afterAll(async () => {
  for (const path of mounted) {
    spawnSync('umount', [path])
    await rm(path, { recursive: true, force: true })
  }
})

test.runIf(canMount)('too small a disk for a database is named, with what is free, and left empty', async () => {
  await using dir = await workDir()
  const disk = (await smallDisk(40))!
  await mkdir(join(disk, 'data'))
  await expect(database({ ...dir, env: { PGDATA: join(disk, 'data') } })).rejects.toThrow(
    /no space is left on the disk of .* \(\d+ MB free\)/,
  )
  expect(await readdir(disk)).toEqual([])
})

test.runIf(canMount)('a disk that is full at start is named, and nothing committed is lost', async () => {
  await using dir = await workDir()
  const disk = (await smallDisk(160))!
  const env = { PGDATA: join(disk, 'data') }
  const first = await database({ ...dir, env })
  await (await first.as('postgres')).query('create table public.t (n int); insert into public.t values (1)')
  await first.stop()
  const { bavail, bsize } = await statfs(disk)
  const filler = await open(join(disk, 'filler'), 'w')
  const block = Buffer.alloc(1_048_576)
  for (let written = 0; written < bavail * bsize; written += block.length) {
    await filler.write(block).catch(() => undefined)
  }
  await filler.write(Buffer.alloc(4096)).catch(() => undefined)
  await filler.close()
  await expect(database({ ...dir, env })).rejects.toThrow(/no space is left on the disk/)
  await rm(join(disk, 'filler'))

  const again = await database({ ...dir, env })
  expect(again.service.fresh).toBe(false)
  expect((await (await again.as('postgres')).query('select n from public.t')).rows).toEqual([{ n: 1 }])
  await again.stop()
})
