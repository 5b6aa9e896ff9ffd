// The commands that work on a project's files and database, from outside and in the order in which a person uses them.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadProject } from '../../src/project/config/load.ts'
import { type Folder, projectFolder } from '../support/cli.ts'

describe('without a stack', () => {
  test('init writes a file that loads without a word; it is not overwritten unless forced', async () => {
    await using folder = await projectFolder()
    const dir = mkdtempSync(join(tmpdir(), 'My Shop-'))
    try {
      expect(await folder.run(['init', '--workdir', dir])).toEqual({ code: 0, out: 'Finished supabase init.\n', err: '' })
      const { config, warnings } = loadProject({ workDir: dir, processEnv: {} })
      expect([config.project_id.startsWith('My_Shop-'), warnings]).toEqual([true, []])
      expect(statSync(join(dir, 'supabase/config.toml')).mode & 0o777).toBe(0o644)
      expect(await folder.run(['init', '--workdir', dir])).toEqual({
        code: 1,
        out: '',
        err: 'failed to create config file: open supabase/config.toml: file exists\nRun supabase init --force to overwrite existing config file.\n',
      })
      mkdirSync(join(dir, '.git'))
      await folder.good('init', '--force', '--workdir', dir)
      await folder.good('init', '--force', '--workdir', dir)
      expect(readFileSync(join(dir, 'supabase/.gitignore'), 'utf8')).toBe(
        '# Supabase\n.branches\n.temp\n\n# dotenvx\n.env.keys\n.env.local\n.env.*.local\n',
      )
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
  test('new files stay inside their folders', async () => {
    await using folder = await projectFolder()
    for (const args of [
      ['migration', 'new', '../../evil'],
      ['test', 'new', '../evil'],
      ['functions', 'new', '../evil'],
    ]) {
      expect((await folder.run(args)).code).toBe(1)
    }
    expect(existsSync(join(folder.dir, 'evil.sql'))).toBe(false)
    expect(readdirSync(join(folder.dir, 'supabase'))).toEqual(['config.toml'])
  })
  test('a function and its table are written once', async () => {
    await using folder = await projectFolder()
    await folder.good('functions', 'new', 'hello', '--auth', 'user')
    const config = readFileSync(join(folder.dir, 'supabase/config.toml'), 'utf8')
    expect(config).toMatch(/\[functions\.hello\]\nenabled = true\nverify_jwt = true\n/)
    const again = await folder.run(['functions', 'new', 'hello'])
    expect([again.code, again.err]).toEqual([
      1,
      'failed to create function entrypoint: open supabase/functions/hello/index.ts: file exists\n',
    ])
    rmSync(join(folder.dir, 'supabase/functions'), { recursive: true })
    await folder.good('functions', 'new', 'hello')
    expect(readFileSync(join(folder.dir, 'supabase/config.toml'), 'utf8')).toBe(config)
  })
  test('hosted commands and unreachable databases end with 1 and one clear line', async () => {
    await using folder = await projectFolder()
    expect((await folder.run(['link', '--project-ref', 'x'])).err).toMatch(/^supabase link works on projects hosted by Supabase/)
    const up = await folder.run(['migration', 'up'])
    expect([up.code, up.out]).toEqual([1, ''])
    expect(up.err).toMatch(/failed to connect to postgres: .*connection refused/)
    expect(up.err).not.toContain('password')
    expect((await folder.run(['migration', 'repair', '1'])).err).toContain('required flag(s) "status" not set')
    expect((await folder.run(['migration', 'up', '--local', '--linked'])).err).toContain('[linked local] were all set')
  })
})

describe('with a database', () => {
  let project: Folder
  beforeAll(async () => {
    project = await projectFolder({
      tables: { api: { enabled: false }, auth: { enabled: false }, inbucket: { enabled: false } },
      files: {
        'migrations/1_one.sql': 'create table public.one (n int);',
        'seed.sql': 'insert into public.one values (7);',
      },
    })
    await project.good('start')
  })
  afterAll(async () => {
    await project?.[Symbol.asyncDispose]()
  })
  const versions = async () =>
    (await project.sql('select version from supabase_migrations.schema_migrations order by 1')).map(({ version }) => version)

  test('db query prints tables, JSON, CSV and command tags; stderr stays empty', async () => {
    expect(await project.run(['db', 'query', 'select n, null as x from public.one', '-o', 'csv'])).toEqual({
      code: 0,
      out: 'n,x\n7,\n',
      err: '',
    })
    expect(JSON.parse((await project.good('db', 'query', 'select n, \'{"a":1}\'::jsonb as j from public.one', '-o', 'json')).out)).toEqual([
      { n: 7, j: { a: 1 } },
    ])
    expect((await project.run(['db', 'query'], { input: 'create table public.q (n int); insert into public.q values (1), (2)' })).out).toBe(
      'CREATE\nINSERT 0 2\n',
    )
    expect((await project.good('db', 'query', 'select 1 as one')).out).toContain('│ one │')
    const failed = await project.run(['db', 'query', 'select broken'])
    expect([failed.code, failed.out]).toEqual([1, ''])
    expect(failed.err).toBe('ERROR: column "broken" does not exist (SQLSTATE 42703)\nselect broken\n       ^\n')
  })
  test('up, list, repair', async () => {
    project.write('supabase/migrations/3_three.sql', 'create table public.three (n int);')
    const up = await project.good('migration', 'up')
    expect([up.out, up.err]).toEqual([
      'Local database is up to date.\n',
      'Connecting to local database...\nApplying migration 3_three.sql...\n',
    ])
    project.write('supabase/migrations/2_two.sql', 'create table public.two (n int);')
    const late = await project.run(['migration', 'up'])
    expect([late.code, late.err]).toEqual([
      1,
      'Connecting to local database...\nFound local migration files to be inserted before the last migration on remote database.\nRerun the command with --include-all to apply these migrations too:\nsupabase/migrations/2_two.sql\n',
    ])
    expect((await project.good('migration', 'list', '--local')).out).toMatch(/ 2 {5}\| {8}\| 2/)
    const repaired = await project.good('migration', 'repair', '--local', '--status', 'applied', '2')
    expect([repaired.out, repaired.err.split('\n').at(-2)]).toEqual([
      'Finished supabase migration repair.\n',
      'Repaired migration history: [2] => applied',
    ])
    expect(await versions()).toEqual(['1', '2', '3'])
    expect((await project.run(['migration', 'repair', '--local', '--status', 'applied', '9'])).err).toContain(
      'glob supabase/migrations/9_*.sql: file does not exist',
    )
    expect((await project.run(['migration', 'repair', '--local', '--status', 'reverted', 'x'])).err).toContain(
      'failed to parse x: invalid version number',
    )
    await project.good('migration', 'repair', '--local', '--status', 'reverted', '2')
    expect(await versions()).toEqual(['1', '3'])
    expect((await project.run(['migration', 'repair', '--local', '--status', 'applied'])).code).toBe(1)
    await project.good('migration', 'repair', '--local', '--status', 'applied', '--yes')
    expect(await versions()).toEqual(['1', '2', '3'])
  })
  test('push asks, says what it would do, and does it', async () => {
    project.write('supabase/migrations/4_four.sql', 'create table public.four (n int);')
    const dry = await project.good('db', 'push', '--local', '--dry-run')
    expect(dry.err).toContain('DRY RUN')
    expect(dry.err).toContain(' • 4_four.sql')
    expect(await versions()).toEqual(['1', '2', '3'])
    expect((await project.run(['db', 'push', '--local'], { input: 'n\n' })).code).toBe(1)
    expect(await versions()).toEqual(['1', '2', '3'])
    expect((await project.run(['db', 'push', '--local'])).out).toBe('Finished supabase db push.\n')
    expect(await versions()).toEqual(['1', '2', '3', '4'])
    expect((await project.good('db', 'push', '--local')).out).toBe('Local database is up to date.\n')
  })
  test('down goes back and sows again, only when it is said', async () => {
    expect((await project.run(['migration', 'down', '--last', '4'])).err).toContain(
      '--last must be smaller than total applied migrations: 4',
    )
    expect((await project.run(['migration', 'down', '--last', '0'])).err).toContain('--last must be greater than 0')
    expect((await project.run(['migration', 'down'])).code).toBe(1)
    expect(await versions()).toEqual(['1', '2', '3', '4'])
    await project.sql('insert into public.one values (8)')
    const down = await project.good('migration', 'down', '--last', '2', '--yes')
    expect(down.err).toContain('Resetting database to version: 2')
    expect(await versions()).toEqual(['1', '2'])
    expect(await project.sql('select n from public.one')).toEqual([{ n: 7 }])
    expect(await project.sql("select to_regclass('public.four') as gone")).toEqual([{ gone: null }])
  })
  test('a reset goes by what config.toml says now', async () => {
    const config = readFileSync(join(project.dir, 'supabase/config.toml'), 'utf8')
    project.write('supabase/config.toml', `${config}\n[db.seed]\nsql_paths = ["./other.sql"]\n`)
    project.write('supabase/other.sql', 'insert into public.one values (70), (71);')
    const reset = await project.good('db', 'reset')
    expect(reset.err).toContain('Seeding data from supabase/other.sql...')
    expect(await project.sql('select n from public.one order by n')).toEqual([{ n: 70 }, { n: 71 }])
  })
})
