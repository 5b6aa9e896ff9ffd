// The S3 protocol with programs that people use, through the gateway: rclone and s3cmd. Each is left out where it is not installed.
import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createStack, type RunningStack } from '../../src/create-stack.ts'

const run = promisify(execFile)
const installed = (program: string): boolean => spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined
const hasRclone = installed('rclone')
const hasS3cmd = installed('s3cmd')

let stack: RunningStack
let folder: string
let tree: string
const BIG = Buffer.alloc(11_000_000, 'not so big')

beforeAll(async () => {
  if (!hasRclone && !hasS3cmd) return
  stack = await createStack({ env: { PLINTH_SERVICES: 'db,gateway,storage' } })
  folder = mkdtempSync(join(tmpdir(), 'plinth-test-peers-'))
  tree = join(folder, 'tree')
  mkdirSync(join(tree, 'sub', 'deep'), { recursive: true })
  writeFileSync(join(tree, 'a.txt'), 'hello')
  writeFileSync(join(tree, 'sub', 'b c+d.txt'), 'x y')
  writeFileSync(join(tree, 'sub', 'deep', 'big.bin'), BIG)
  writeFileSync(join(tree, 'empty'), '')
})
afterAll(async () => {
  await stack?.stop()
  if (folder) rmSync(folder, { recursive: true, force: true })
})

/** Only what is set here: a developer's own settings for S3 stay out. */
const environment = (more: Record<string, string> = {}) => ({ PATH: process.env['PATH'], HOME: folder, ...more })
const NAMES = ['a.txt', 'empty', 'sub/b c+d.txt', 'sub/deep/big.bin']

describe.skipIf(!hasRclone)(hasRclone ? 'rclone' : 'rclone, which is not installed', () => {
  const rclone = async (...args: string[]): Promise<string> => {
    const { values } = stack
    const remote = {
      TYPE: 's3',
      PROVIDER: 'Other',
      ENDPOINT: values['STORAGE_S3_URL']!,
      ACCESS_KEY_ID: values['S3_PROTOCOL_ACCESS_KEY_ID']!,
      SECRET_ACCESS_KEY: values['S3_PROTOCOL_ACCESS_KEY_SECRET']!,
      REGION: values['S3_PROTOCOL_REGION']!,
    }
    const variables = Object.fromEntries(Object.entries(remote).map(([name, value]) => [`RCLONE_CONFIG_P_${name}`, value]))
    const flags = ['--config', join(folder, 'rclone.conf'), '--retries', '1', '--low-level-retries', '1']
    const { stdout } = await run('rclone', [...args, ...flags], { env: environment(variables), maxBuffer: 20_000_000 })
    return stdout
  }
  const PARTS = ['--s3-upload-cutoff', '5M', '--s3-chunk-size', '5M']

  test('copies a tree there, checks it, and copies it back', async () => {
    writeFileSync(join(folder, 'rclone.conf'), '')
    await rclone('mkdir', 'P:rclone')
    await rclone('copy', tree, 'P:rclone/t', ...PARTS)
    expect((await rclone('lsf', '-R', '--files-only', 'P:rclone/t')).trim().split('\n').sort()).toEqual(NAMES)
    // Sizes, times and, for what went up in one piece, MD5 sums; then every byte.
    await rclone('check', tree, 'P:rclone/t')
    await rclone('check', '--download', tree, 'P:rclone/t')
    await rclone('copy', 'P:rclone/t', join(folder, 'back'))
    expect(readFileSync(join(folder, 'back', 'sub', 'deep', 'big.bin')).equals(BIG)).toBe(true)
  })
  test('moves, mirrors, reads stretches, streams, and empties a bucket', async () => {
    await rclone('moveto', 'P:rclone/t/a.txt', 'P:rclone/moved.txt')
    await rclone('sync', 'P:rclone', 'P:rclone2', ...PARTS)
    expect(await rclone('cat', '--offset', '1', '--count', '3', 'P:rclone2/moved.txt')).toBe('ell')
    expect(await rclone('lsf', 'P:rclone2')).toBe('moved.txt\nt/\n')
    await rclone('touch', 'P:rclone2/touched')
    const link = (await rclone('link', '--expire', '1h', 'P:rclone2/moved.txt')).trim()
    expect(await (await fetch(link)).text()).toBe('hello')
    for (const bucket of ['rclone', 'rclone2']) await rclone('purge', `P:${bucket}`)
    expect(await rclone('lsf', 'P:')).toBe('')
  })
})

describe.skipIf(!hasS3cmd)(hasS3cmd ? 's3cmd' : 's3cmd, which is not installed', () => {
  const s3cmd = async (...args: string[]): Promise<string> => {
    const { values } = stack
    const endpoint = values['STORAGE_S3_URL']!.replace('http://', '')
    const settings = {
      access_key: values['S3_PROTOCOL_ACCESS_KEY_ID'],
      secret_key: values['S3_PROTOCOL_ACCESS_KEY_SECRET'],
      host_base: endpoint,
      host_bucket: endpoint,
      bucket_location: values['S3_PROTOCOL_REGION'],
      use_https: 'False',
      progress_meter: 'False',
      max_retries: '1',
    }
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`)
    writeFileSync(join(folder, 's3cfg'), `[default]\n${lines.join('')}`)
    const { stdout } = await run('s3cmd', ['-c', join(folder, 's3cfg'), ...args], {
      env: environment(),
      maxBuffer: 20_000_000,
    })
    return stdout
  }

  test('puts a tree there, in parts where it is large, and gets it back', async () => {
    await s3cmd('mb', 's3://cmd')
    await s3cmd('put', '--recursive', '--multipart-chunk-size-mb=5', '--add-header=x-amz-meta-k:v', `${tree}/`, 's3://cmd/t/')
    const listed = await s3cmd('ls', '--recursive', 's3://cmd')
    expect([...listed.matchAll(/s3:\/\/cmd\/t\/(.*)/g)].map(([, name]) => name).sort()).toEqual(NAMES)
    expect(await s3cmd('info', 's3://cmd/t/a.txt')).toMatch(/MD5 sum: +5d41402abc4b2a76b9719d911017c592[\s\S]*x-amz-meta-k: v/)
    expect(await s3cmd('info', 's3://cmd')).toMatch(/Location/)
    await s3cmd('get', 's3://cmd/t/sub/deep/big.bin', join(folder, 'big.out'))
    expect(readFileSync(join(folder, 'big.out')).equals(BIG)).toBe(true)
    expect(await s3cmd('sync', `${tree}/`, 's3://cmd/t/')).toBe('')
  })
  test('copies, moves, deletes, and removes the bucket', async () => {
    await s3cmd('cp', 's3://cmd/t/a.txt', 's3://cmd/c.txt')
    await s3cmd('mv', 's3://cmd/c.txt', 's3://cmd/d.txt')
    expect(await s3cmd('ls', 's3://cmd')).toMatch(/DIR +s3:\/\/cmd\/t\/\n.* 5 +s3:\/\/cmd\/d.txt\n$/)
    expect(await s3cmd('multipart', 's3://cmd')).not.toMatch(/big/)
    await s3cmd('del', '--recursive', '--force', 's3://cmd')
    await s3cmd('rb', 's3://cmd')
    expect(await s3cmd('ls')).toBe('')
  })
})
