// The limit: pgbench driving the SQL of one request as one pipeline with prepared statements.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
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

/** Transactions per second of `clients` clients. */
export function runPgbench(program: string, { host, port, database }: Server, script: string, clients: number, seconds: number): number {
  const dir = mkdtempSync(join(tmpdir(), 'plinth-pgbench-'))
  try {
    writeFileSync(join(dir, 'bench.sql'), script)
    const args = ['-n', '-M', 'prepared', '-c', String(clients), '-j', '2', '-T', String(seconds), '-f', join(dir, 'bench.sql')]
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
