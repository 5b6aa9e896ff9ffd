// The limit: pgbench driving the SQL of one request as one pipeline with prepared statements.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

const LIST = `\\set o random(0, 19999)
\\startpipeline
begin;
select set_config('search_path', '"api", "public"', true), set_config('role', 'bench_user', true), set_config('request.jwt.claims', '{"role":"bench_user","sub":"' || :o || '"}', true), set_config('request.method', 'GET', true), set_config('request.path', '/items', true), set_config('request.headers', '{}', true), set_config('request.cookies', '{}', true);
with s as (select id, title, done from api.items order by id desc limit 10) select null::bigint, count(r), coalesce(json_agg(r), '[]'), nullif(current_setting('response.headers', true), ''), nullif(current_setting('response.status', true), '') from (select * from s) r;
commit;
\\endpipeline
`

/** On the path, or where Debian keeps it. */
export function findPgbench(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const debian = '/usr/lib/postgresql'
  if (existsSync(debian)) for (const version of readdirSync(debian).sort().reverse()) folders.push(join(debian, version, 'bin'))
  return folders.map((folder) => join(folder, 'pgbench')).find((file) => existsSync(file))
}

export interface Server {
  readonly host: string
  readonly port: number
  readonly database: string
}

/** Transactions per second of `clients` clients. */
export function runPgbench(program: string, { host, port, database }: Server, clients: number, seconds: number): number {
  const dir = mkdtempSync(join(tmpdir(), 'plinth-pgbench-'))
  try {
    writeFileSync(join(dir, 'list.sql'), LIST)
    const args = ['-n', '-M', 'prepared', '-c', String(clients), '-j', '2', '-T', String(seconds), '-f', join(dir, 'list.sql')]
    const { status, stdout, stderr } = spawnSync(program, [...args, '-h', host, '-p', String(port), '-U', 'bench_auth', database], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], PGPASSWORD: 'bench' },
    })
    const tps = /tps = ([\d.]+)/.exec(stdout)?.[1]
    if (status !== 0 || tps === undefined) throw new Error(`pgbench failed: ${stderr || stdout}`)
    return Number(tps)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
