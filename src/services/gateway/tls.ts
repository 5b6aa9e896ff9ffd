// The certificate of the TLS listener: from files, or one of the gateway's own making that is kept from start to start.

import { X509Certificate } from 'node:crypto'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TlsMaterial } from '../../service/definition.ts'

export interface TlsSettings {
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
  /** Folder for a certificate of our own. */
  readonly prefix: string | undefined
}

/** Settings that give no certificate: names the variable and the file. */
export class TlsError extends Error {}

const RENEW_BEFORE_MS = 30 * 24 * 3_600_000

/** Throws TlsError. */
export async function tlsMaterial({ certFile, keyFile, prefix }: TlsSettings): Promise<TlsMaterial> {
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new TlsError('KONG_SSL_CERT and KONG_SSL_CERT_KEY belong together: set both or none')
  if (certFile !== undefined && keyFile !== undefined) {
    const [cert, key] = await Promise.all([readPem('KONG_SSL_CERT', certFile), readPem('KONG_SSL_CERT_KEY', keyFile)])
    return { cert, key }
  }
  if (prefix === undefined) return selfSigned()
  const folder = join(prefix, 'ssl')
  const [certPath, keyPath] = [join(folder, 'kong-default.crt'), join(folder, 'kong-default.key')]
  const kept = await keptMaterial(certPath, keyPath)
  if (kept) return kept
  const made = await selfSigned()
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeFile(keyPath, made.key, { mode: 0o600 })
  await chmod(keyPath, 0o600)
  await writeFile(certPath, made.cert)
  return made
}

async function readPem(variable: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new TlsError(`${variable}: cannot read ${file} (${(error as NodeJS.ErrnoException).code})`, { cause: error })
  }
}

async function keptMaterial(certPath: string, keyPath: string): Promise<TlsMaterial | undefined> {
  try {
    const [cert, key] = await Promise.all([readFile(certPath, 'utf8'), readFile(keyPath, 'utf8')])
    return Date.parse(new X509Certificate(cert).validTo) - Date.now() > RENEW_BEFORE_MS ? { cert, key } : undefined
  } catch {
    // Not there, or not whole: a new pair takes its place.
    return undefined
  }
}

const DAY_MS = 24 * 3_600_000
/** What browsers and Apple's systems accept at most. */
const VALID_DAYS = 825

/** A certificate for localhost, signed by itself. */
async function selfSigned(): Promise<TlsMaterial> {
  // Loaded on first use: most stacks never open the TLS port.
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  const { webcrypto, randomBytes } = await import('node:crypto')
  x509.cryptoProvider.set(webcrypto as never)
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const now = Date.now()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    // The first bit clear: a serial number is positive.
    serialNumber: `0${randomBytes(16).toString('hex').slice(1)}`,
    name: 'CN=localhost, O=Plinth',
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + VALID_DAYS * DAY_MS),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
        { type: 'ip', value: '::1' },
      ]),
    ],
  })
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  return {
    cert: `${certificate.toString('pem')}\n`,
    key: `-----BEGIN PRIVATE KEY-----\n${key.match(/.{1,64}/g)!.join('\n')}\n-----END PRIVATE KEY-----\n`,
  }
}
