// start, stop and status of local projects, from outside.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { answers, isPostgres, projectFolder, selfHostedFolder, until } from '../support/cli.ts'

const files = {
  'migrations/20240101000000_one.sql': 'create table public.one (n int); insert into public.one values (1);',
  'seed.sql': 'insert into public.one values (2);',
}
const rows = async (folder: { sql(text: string): Promise<Record<string, unknown>[]> }) =>
  (await folder.sql('select n from public.one order by n')).map(({ n }) => n)

test('a project starts, is started already, keeps its data over a stop, and loses it with --no-backup', async () => {
  await using project = await projectFolder({ files })
  const started = await project.good('start')
  expect(started.err).toMatch(/Applying migration 20240101000000_one\.sql/)
  expect(started.out).toContain(`http://127.0.0.1:${project.ports.api}`)
  expect(await rows(project)).toEqual([1, 2])

  const again = await project.good('start')
  expect(again.err).toContain('already running')
  await project.sql('insert into public.one values (3)')
  expect((await project.good('stop')).out).toBe('Stopped supabase local development setup.\n')
  expect([await answers(project.ports.api), await answers(project.ports.db), project.pids()]).toEqual([false, false, []])
  expect((await project.run(['status', '-o', 'json'])).out).toBe('')

  expect((await project.good('start')).err).not.toMatch(/Applying|Seeding/)
  expect(await rows(project)).toEqual([1, 2, 3])
  expect((await project.good('logs', 'rest')).out).toMatch(/rest/)
  expect(await project.run(['logs', 'rset'])).toMatchObject({ code: 1, out: '', err: expect.stringContaining('There is no service rset.') })
  await project.good('stop', '--no-backup')
  expect(existsSync(join(project.dir, '.plinth'))).toBe(false)
})

test('a migration that fails half way leaves nothing, is shown with its statement, and can be mended', async () => {
  await using project = await projectFolder({
    files: { ...files, 'migrations/20240102000000_bad.sql': 'create table public.two (n int);\nselect broken;' },
  })
  const failed = await project.run(['start'])
  expect(failed.code).toBe(1)
  expect(failed.err).toMatch(/20240102000000_bad\.sql[\s\S]*broken[\s\S]*At statement: 1/)
  expect([await answers(project.ports.api), await answers(project.ports.db), project.pids()]).toEqual([false, false, []])
  project.write('supabase/migrations/20240102000000_bad.sql', 'create table public.two (n int);')
  await project.good('start')
  expect(await rows(project)).toEqual([1, 2])
})

test.each(['api', 'db', 'mail'] as const)(
  'a taken %s port is named with who holds it and how to change it, before anything starts',
  async (which) => {
    await using project = await projectFolder({ files })
    const holder = createServer().listen(project.ports[which], '127.0.0.1')
    await once(holder, 'listening')
    try {
      const failed = await project.run(['start'])
      expect(failed.code).toBe(1)
      expect(failed.err).toContain(`Port ${project.ports[which]}`)
      expect(failed.err).toContain(`pid ${process.pid}`)
      expect(failed.err).toMatch(/supabase\/config\.toml/)
      expect(existsSync(join(project.dir, '.plinth', 'run.json'))).toBe(false)
    } finally {
      holder.close()
    }
  },
)

test.each([5, 60, 250, 600, 1_000, 1_600])(
  'Ctrl-C %d ms into a first start leaves no process, port or lock, and the next start works',
  async (ms) => {
    await using project = await projectFolder({ files })
    const child = project.spawn(['up'])
    await new Promise((resolve) => setTimeout(resolve, ms)) // the moment of the signal is the case
    child.kill('SIGINT')
    if (child.exitCode === null) await once(child, 'exit')
    expect([await answers(project.ports.api), await answers(project.ports.db), project.pids()]).toEqual([false, false, []])
    expect(existsSync(join(project.dir, '.plinth', 'run.json'))).toBe(false)
    await project.good('start')
    expect(await rows(project)).toEqual([1, 2])
  },
)

test('kill -9 of everything is recovered from by the next start, with all committed rows', async () => {
  await using project = await projectFolder({ files })
  await project.good('start')
  await project.sql('insert into public.one select generate_series(10, 19)')
  for (const pid of project.pids()) process.kill(pid, 'SIGKILL')
  await until(async () => !(await answers(project.ports.api)) && !(await answers(project.ports.db)), 'the ports are closed')
  expect((await project.run(['status'])).code).toBe(1)
  await project.good('start')
  expect(await rows(project)).toHaveLength(12)
})

test('an orphaned database is no obstacle to start, and ends with stop', async () => {
  await using project = await projectFolder({ files })
  await project.good('start')
  for (const pid of project.pids()) if (!isPostgres(pid)) process.kill(pid, 'SIGKILL')
  await until(async () => !(await answers(project.ports.api)), 'the API port is closed')
  await project.good('start')
  expect(await rows(project)).toEqual([1, 2])
  for (const pid of project.pids()) if (!isPostgres(pid)) process.kill(pid, 'SIGKILL')
  await until(async () => !(await answers(project.ports.api)), 'the API port is closed')
  await project.good('stop')
  expect(project.pids()).toEqual([])
})

test('a killed Postgres is started again, and the API answers', async () => {
  await using project = await projectFolder({ files })
  await project.good('start')
  const { ANON_KEY } = await project.status()
  const server = Number(readFileSync(await until(() => postmasterFile(project.dir), 'the pid file'), 'utf8').split('\n')[0])
  process.kill(server, 'SIGKILL')
  await until(
    async () =>
      (await fetch(`http://127.0.0.1:${project.ports.api}/rest/v1/one?select=n`, { headers: { apikey: ANON_KEY! } })).status !== 200,
    'the server is missed',
  )
  await until(
    async () =>
      (await fetch(`http://127.0.0.1:${project.ports.api}/rest/v1/one?select=n`, { headers: { apikey: ANON_KEY! } })).status === 200,
    'REST answers again',
    45_000,
  )
  expect(await rows(project)).toEqual([1, 2])
})

function postmasterFile(dir: string): string | undefined {
  const { database } = JSON.parse(readFileSync(join(dir, '.plinth', 'state.json'), 'utf8')) as { database?: { dataDir?: string } }
  const file = join(database?.dataDir ?? '', 'postmaster.pid')
  return existsSync(file) ? file : undefined
}

test('db reset makes the database anew and keeps the gateway up', async () => {
  await using project = await projectFolder({ files })
  await project.good('start')
  await project.sql('create table public.scratch (n int); insert into public.one values (9)')
  project.write('supabase/migrations/20240102000000_two.sql', 'create table public.two (m text);')
  const reset = await project.good('db', 'reset')
  expect(reset.err).toMatch(
    /Resetting local database\.\.\.\nRecreating database\.\.\.[\s\S]*Applying migration 20240102000000_two\.sql[\s\S]*Finished supabase db reset on branch /,
  )
  expect(await project.sql("select to_regclass('public.scratch') as scratch, to_regclass('public.two')::text as two")).toEqual([
    { scratch: null, two: 'two' },
  ])
  expect(await rows(project)).toEqual([1, 2])
})

test('a self-hosted folder gets its secrets once, and a wrong variable stops the start by name', async () => {
  await using folder = await selfHostedFolder({ PLINTH_PROFILE: 'minimal', POSTGRES_PASSWORD: `'p@ss:w/rd#%&'` })
  await folder.good('start')
  const before = await folder.status()
  expect(before['ANON_KEY']).toMatch(/^ey/)
  expect((await folder.good('db', 'query', 'select current_user', '-o', 'csv')).out).toBe('current_user\npostgres\n')
  const env = readFileSync(join(folder.dir, '.env'), 'utf8')
  expect(env).toContain(`POSTGRES_PASSWORD='p@ss:w/rd#%&'\n`)
  await folder.good('stop')
  folder.write('.env', `${env}\nPGRST_DB_MAX_ROWS=many\nGOTRUE_JWT_EXP=soon\n`)
  const refused = await folder.run(['start'])
  expect(refused.code).toBe(1)
  expect(refused.err).toMatch(/PGRST_DB_MAX_ROWS[\s\S]*GOTRUE_JWT_EXP|GOTRUE_JWT_EXP[\s\S]*PGRST_DB_MAX_ROWS/)
  folder.write('.env', env)
  await folder.good('start')
  expect(await folder.status()).toEqual(before)
})

test.each([
  ['its terminal is closed', (child: ChildProcess) => child.kill('SIGHUP')],
  [
    'nobody reads what it prints',
    (child: ChildProcess) => {
      child.stdout!.destroy()
      child.stderr!.destroy()
    },
  ],
])('up stops cleanly when %s', async (_, act) => {
  await using project = await projectFolder()
  const child = project.spawn(['up'])
  child.stderr!.resume()
  const ended = once(child, 'exit')
  await until(() => existsSync(join(project.dir, '.plinth', 'run.json')), 'the run is noted')
  act(child)
  expect((await ended)[1]).toBe(null)
  expect([existsSync(join(project.dir, '.plinth', 'run.json')), project.pids()]).toEqual([false, []])
})

test('an exception that nobody caught is logged, and the stack goes on; while it starts it ends the start', async () => {
  await using project = await projectFolder()
  const bug = (code: string) => ({ NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(code)}` })
  const early = `import { existsSync } from 'node:fs'
    if (process.argv.includes('--detached')) setInterval(() => {
      if (existsSync('.plinth/logs/plinth.log')) throw new Error('an early bug')
    }, 5)`
  const failed = await project.run(['start'], { env: bug(early) })
  expect([failed.code, failed.err]).toEqual([1, expect.stringContaining('an early bug')])
  expect([existsSync(join(project.dir, '.plinth', 'run.json')), project.pids()]).toEqual([false, []])

  const late = "process.on('SIGUSR2', () => { throw new Error('a late bug') })"
  expect((await project.run(['start'], { env: bug(late) })).code).toBe(0)
  const { pid } = JSON.parse(readFileSync(join(project.dir, '.plinth', 'run.json'), 'utf8')) as { pid: number }
  process.kill(pid, 'SIGUSR2')
  await until(async () => (await project.good('logs')).out.includes('a late bug'), 'the bug is logged')
  await project.status()
})

test('Ctrl-C ends a command that waits for a stack, and the stack goes on', async () => {
  await using project = await projectFolder({ files: { 'migrations/20240101000000_one.sql': 'select 1;' } })
  await project.good('start')
  project.write('supabase/migrations/20240101000000_one.sql', 'select pg_sleep(5);')
  const reset = project.spawn(['db', 'reset'])
  let told = ''
  reset.stderr!.on('data', (chunk) => {
    told += chunk
  })
  await until(() => told.includes('Applying migration'), 'the migration is being applied')
  reset.kill('SIGINT')
  expect(await once(reset, 'exit')).toEqual([130, null])
  await project.status()
  const began = performance.now()
  await project.good('stop')
  expect(performance.now() - began).toBeLessThan(4_500)
})

test('a replication slot that realtime left behind is told when the stack starts without it, and dropped on request', async () => {
  await using project = await projectFolder({ files: {} })
  await project.good('start', '--exclude', 'realtime')
  await project.sql(`select pg_create_logical_replication_slot('supabase_realtime_replication_slot', 'pgoutput')`)
  await project.good('stop')
  const started = await project.good('start', '--exclude', 'realtime')
  expect(started.err).toContain('still there: supabase_realtime_replication_slot.')
  expect((await project.good('db', 'drop-slots')).err).toContain('Dropped supabase_realtime_replication_slot.')
  expect(await project.sql('select slot_name from pg_replication_slots')).toEqual([])
  expect((await project.good('db', 'drop-slots')).err).toContain('There is no replication slot to drop.')
})
