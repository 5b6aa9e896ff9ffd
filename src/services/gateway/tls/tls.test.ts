import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { oid } from '../../../x509/der.ts'
import { TlsError, tlsMaterial } from './material.ts'
import { selfSigned } from './self-signed.ts'

const none = { certFile: undefined, keyFile: undefined, prefix: undefined }

test.each([
  ['2.5.4.3', '0603550403'],
  ['1.2.840.10045.4.3.2', '06082a8648ce3d040302'],
  ['1.3.6.1.5.5.7.3.1', '06082b06010505070301'],
])('the object identifier %s is written %s', (dotted, hex) => {
  expect(oid(dotted).toString('hex')).toBe(hex)
})

describe('a certificate of our own', () => {
  const made = selfSigned(['localhost', 'api.test', '127.0.0.1', '::1', 'fd00::12:3'])
  const certificate = new X509Certificate(made.cert)

  test('is signed by its own key and good for a server', () => {
    expect(certificate.verify(certificate.publicKey)).toBe(true)
    expect([certificate.ca, certificate.keyUsage]).toEqual([false, ['1.3.6.1.5.5.7.3.1']])
  })

  test.each(['localhost', 'api.test'])('names %s', (name) => expect(certificate.checkHost(name)).toBe(name))
  test.each(['127.0.0.1', '::1', 'fd00::12:3'])('names the address %s', (address) => expect(certificate.checkIP(address)).toBe(address))
  test('names nothing else', () =>
    expect([certificate.checkHost('other.test'), certificate.checkIP('10.0.0.1')]).toEqual([undefined, undefined]))

  test('is valid from yesterday for 825 days', () => {
    const days = (Date.parse(certificate.validTo) - Date.now()) / 86_400_000
    expect(Math.round(days)).toBe(825)
    expect(Date.parse(certificate.validFrom)).toBeLessThan(Date.now())
  })

  test('a client that trusts it speaks to a server that has it', async () => {
    const server = createServer({ cert: made.cert, key: made.key }, (socket) => socket.end('HTTP/1.1 204 No Content\r\n\r\n'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const status = await new Promise((resolve, reject) => {
      get({ host: 'localhost', port, family: 4, ca: made.cert, agent: false }, (response) => resolve(response.statusCode)).on(
        'error',
        reject,
      )
    })
    server.close()
    expect(status).toBe(204)
  })
})

describe('the material of the listener', () => {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gateway-tls-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  test('is kept in the prefix, the key for its owner alone, and the same at the next start', async () => {
    const first = await tlsMaterial({ ...none, prefix: folder })
    expect(await tlsMaterial({ ...none, prefix: folder })).toEqual(first)
    expect((await stat(join(folder, 'ssl/kong-default.key'))).mode & 0o777).toBe(0o600)
    expect(await readFile(join(folder, 'ssl/kong-default.crt'), 'utf8')).toBe(first.cert)
  })

  test('is made anew when what was kept is broken or ends within a month', async () => {
    const first = await tlsMaterial({ ...none, prefix: folder })
    await writeFile(join(folder, 'ssl/kong-default.crt'), selfSigned(['localhost'], Date.now() - 800 * 86_400_000).cert)
    const second = await tlsMaterial({ ...none, prefix: folder })
    expect(second).not.toEqual(first)
    await writeFile(join(folder, 'ssl/kong-default.crt'), 'half a file')
    expect(await tlsMaterial({ ...none, prefix: folder })).not.toEqual(second)
  })

  test('comes from files, and a wrong setting names its variable', async () => {
    const { cert, key } = selfSigned(['files.test'])
    await Promise.all([writeFile(join(folder, 'a.crt'), cert), writeFile(join(folder, 'a.key'), key)])
    expect(await tlsMaterial({ ...none, certFile: join(folder, 'a.crt'), keyFile: join(folder, 'a.key') })).toEqual({ cert, key })
    await expect(tlsMaterial({ ...none, certFile: join(folder, 'a.crt') })).rejects.toThrow(TlsError)
    await expect(tlsMaterial({ ...none, certFile: join(folder, 'gone.crt'), keyFile: join(folder, 'a.key') })).rejects.toThrow(
      `KONG_SSL_CERT: cannot read ${join(folder, 'gone.crt')} (ENOENT)`,
    )
  })
})
