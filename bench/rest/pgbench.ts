// The limit: pgbench driving the SQL of one request as one pipeline with prepared statements.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/** A program on the path, or in one of the other folders. */
export function findProgram(name: string, others: readonly string[] = []): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...others]
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file))
}

/** Also where Debian keeps it. */
export function findPgbench(): string | undefined {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).sort().reverse() : []
  return findProgram(
    'pgbench',
    versions.map((version) => join(debian, version, 'bin')),
  )
}

export interface Server {
  readonly host: string
  readonly port: number
  readonly database: string
}

export interface PgbenchOutcome {
  readonly perSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

/** What `clients` clients reach, and how long one transaction takes them: the tail that the machine itself gives to so many backends. */
export function runPgbench(
  program: string,
  { host, port, database }: Server,
  script: string,
  clients: number,
  seconds: number,
): PgbenchOutcome {
  const dir = mkdtempSync(join(tmpdir(), 'plinth-pgbench-'))
  try {
    writeFileSync(join(dir, 'bench.sql'), script)
    const log = ['-l', '--log-prefix', join(dir, 'log')]
    const args = ['-n', '-M', 'prepared', '-c', String(clients), '-j', '2', '-T', String(seconds), '-f', join(dir, 'bench.sql'), ...log]
    const { status, stdout, stderr } = spawnSync(program, [...args, '-h', host, '-p', String(port), '-U', 'bench_auth', database], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], PGPASSWORD: 'bench' },
    })
    const tps = /tps = ([\d.]+)/.exec(stdout)?.[1]
    if (status !== 0 || tps === undefined) throw new Error(`pgbench failed: ${stderr || stdout}`)
    const latencies = readdirSync(dir)
      .filter((name) => name.startsWith('log'))
      .flatMap((name) => readFileSync(join(dir, name), 'utf8').trim().split('\n'))
      .map((line) => Number(line.split(' ')[2]) / 1_000)
      .sort((a, b) => a - b)
    const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN
    return { perSecond: Number(tps), p50: at(0.5), p99: at(0.99) }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
