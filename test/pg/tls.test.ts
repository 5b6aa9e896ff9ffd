// TLS to Postgres by each sslmode, against a server with a certificate of an authority of its own: who is believed, and who is not.
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Cancellation, ConnectError, Executor } from '../../src/pg/executor.ts'
import { certificateAuthority, type Issued } from '../support/certificates.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'

const folder = mkdtempSync(join(tmpdir(), 'plinth-pg-tls-'))
const authority = certificateAuthority('Our authority')
const files = { ours: join(folder, 'ours.pem'), theirs: join(folder, 'theirs.pem') }
let named: TestPostgres
let numbered: TestPostgres
beforeAll(async () => {
  chmodSync(folder, 0o755)
  writeFileSync(files.ours, authority.cert)
  writeFileSync(files.theirs, certificateAuthority('Their authority').cert)
  ;[named, numbered] = await Promise.all([serve('named', authority.issue('localhost')), serve('numbered', authority.issue('127.0.0.1'))])
})
afterAll(async () => {
  await named?.[Symbol.asyncDispose]()
  await numbered?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

async function serve(name: string, { cert, key }: Issued): Promise<TestPostgres> {
  const [certFile, keyFile] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)]
  writeFileSync(certFile, cert)
  writeFileSync(keyFile, key, { mode: 0o600 })
  if (process.getuid?.() === 0) chownSync(keyFile, 65534, 65534)
  return startPostgres({ ssl: 'on', ssl_cert_file: certFile, ssl_key_file: keyFile })
}

/** The server whose certificate says `localhost`, or the one whose certificate says 127.0.0.1, reached by either name. */
function executorFor(certificate: 'localhost' | '127.0.0.1', host: string, query: string): Executor & AsyncDisposable {
  const url = new URL((certificate === 'localhost' ? named : numbered).url())
  const executor = new Executor({ connection: `postgresql://${url.username}@${host}:${url.port}/postgres?${query}`, max: 1 })
  return Object.assign(executor, { [Symbol.asyncDispose]: () => executor.close() })
}
const isEncrypted = async (executor: Executor) => {
  const [result] = await executor.run({ statements: [{ text: 'select ssl from pg_stat_ssl where pid = pg_backend_pid()' }] })
  return result!.rows[0]![0]!.toString() === 't'
}

test.each([
  // certificate   host         query                                     encrypted
  ['localhost', '127.0.0.1', 'sslmode=disable', false],
  ['localhost', '127.0.0.1', 'sslmode=allow', false],
  ['localhost', '127.0.0.1', 'sslmode=prefer', true],
  ['localhost', '127.0.0.1', 'sslmode=require', true],
  ['localhost', '127.0.0.1', 'sslmode=require&sslrootcert=OURS', true],
  ['localhost', '127.0.0.1', 'sslmode=verify-ca&sslrootcert=OURS', true],
  ['localhost', 'localhost', 'sslmode=verify-ca&sslrootcert=OURS', true],
  ['localhost', 'localhost', 'sslmode=verify-full&sslrootcert=OURS', true],
  ['127.0.0.1', '127.0.0.1', 'sslmode=verify-full&sslrootcert=OURS', true],
] as const)('a certificate for %s at %s with %s is good (encrypted: %s)', async (certificate, host, query, encrypted) => {
  await using executor = executorFor(certificate, host, query.replace('OURS', files.ours))
  expect(await isEncrypted(executor)).toBe(encrypted)
})

test.each([
  ['localhost', '127.0.0.1', 'sslmode=verify-full&sslrootcert=OURS', /IP: 127\.0\.0\.1 is not in the cert's list/],
  ['127.0.0.1', 'localhost', 'sslmode=verify-full&sslrootcert=OURS', /Host: localhost\. is not/],
  ['localhost', 'localhost', 'sslmode=verify-full&sslrootcert=THEIRS', /unable to verify|unable to get local issuer/],
  ['localhost', 'localhost', 'sslmode=verify-ca&sslrootcert=THEIRS', /unable to verify|unable to get local issuer/],
  ['localhost', 'localhost', 'sslmode=require&sslrootcert=THEIRS', /unable to verify|unable to get local issuer/],
  ['localhost', 'localhost', 'sslmode=verify-full&sslrootcert=system', /unable to verify|unable to get local issuer/],
] as const)('a certificate for %s at %s with %s is refused', async (certificate, host, query, reason) => {
  await using executor = executorFor(certificate, host, query.replace('OURS', files.ours).replace('THEIRS', files.theirs))
  const refused = await executor.ping().catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(ConnectError)
  expect((refused as Error).message).toMatch(reason)
})

test('a query is cancelled over TLS too, under the same demands', async () => {
  await using executor = executorFor('localhost', 'localhost', `sslmode=verify-full&sslrootcert=${files.ours}`)
  await executor.ping()
  const cancellation = new Cancellation()
  const running = executor.run({ statements: [{ text: 'select pg_sleep(60)' }] }, cancellation)
  const admin = await named.connect()
  const asleep = async () => (await admin.query("select from pg_stat_activity where wait_event = 'PgSleep'")).rowCount
  await expect.poll(asleep, { timeout: 10_000 }).toBe(1)
  cancellation.cancel()
  await expect(running).rejects.toMatchObject({ fields: { code: '57014' } })
  expect(await isEncrypted(executor)).toBe(true)
})
