// The certificate of the TLS listener: from files, or one of the gateway's own making that is kept from start to start.

import { X509Certificate } from 'node:crypto'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TlsMaterial } from '../../../service/definition.ts'
import { selfSigned } from './self-signed.ts'

export interface TlsSettings {
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
  /** Folder for a certificate of our own. */
  readonly prefix: string | undefined
}

/** Settings that give no certificate: names the variable and the file. */
export class TlsError extends Error {}

const NAMES = ['localhost', '127.0.0.1', '::1'] as const
const RENEW_BEFORE_MS = 30 * 24 * 3_600_000

/** Throws TlsError. */
export async function tlsMaterial({ certFile, keyFile, prefix }: TlsSettings): Promise<TlsMaterial> {
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new TlsError('KONG_SSL_CERT and KONG_SSL_CERT_KEY belong together: set both or none')
  if (certFile !== undefined && keyFile !== undefined) {
    const [cert, key] = await Promise.all([readPem('KONG_SSL_CERT', certFile), readPem('KONG_SSL_CERT_KEY', keyFile)])
    return { cert, key }
  }
  if (prefix === undefined) return selfSigned(NAMES)
  const folder = join(prefix, 'ssl')
  const [certPath, keyPath] = [join(folder, 'kong-default.crt'), join(folder, 'kong-default.key')]
  const kept = await keptMaterial(certPath, keyPath)
  if (kept) return kept
  const made = selfSigned(NAMES)
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
