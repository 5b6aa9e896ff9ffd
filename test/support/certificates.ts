// A certificate authority for tests: certificates of its own, and those that it gives to servers. EC P-256 with SHA-256.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { bits, boolean, explicit, implicit, integer, octets, oid, sequence, set, utcTime, utf8 } from '../../src/x509/der.ts'

export interface Issued {
  /** PEM. */
  readonly cert: string
  /** PEM. */
  readonly key: string
}

export interface Authority {
  /** PEM. */
  readonly cert: string
  /** For DNS names and IPv4 addresses. */
  issue(...names: readonly string[]): Issued
}

const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'))
const HOUR_MS = 3_600_000

const nameOf = (text: string): Buffer => sequence(set(sequence(oid('2.5.4.3'), utf8(text))))
const extension = (id: string, critical: boolean, value: Uint8Array): Buffer =>
  sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value))
const pem = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`

function certificate(subject: string, issuer: string, key: KeyObject, by: KeyObject, extensions: readonly Buffer[]): string {
  const body = sequence(
    explicit(0, integer(Uint8Array.of(2))),
    integer(randomBytes(8)),
    ECDSA_SHA256,
    nameOf(issuer),
    sequence(utcTime(new Date(Date.now() - HOUR_MS)), utcTime(new Date(Date.now() + 24 * HOUR_MS))),
    nameOf(subject),
    key.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...extensions)),
  )
  return pem(sequence(body, ECDSA_SHA256, bits(sign('sha256', body, by))))
}

export function certificateAuthority(name: string): Authority {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    // A CA may sign certificates (keyCertSign).
    cert: certificate(name, name, publicKey, privateKey, [
      extension('2.5.29.19', true, sequence(boolean(true))),
      extension('2.5.29.15', true, bits(Uint8Array.of(0x04), 2)),
    ]),
    issue(...names) {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const alternatives = names.map((text) =>
        isIPv4(text) ? implicit(7, Buffer.from(text.split('.').map(Number))) : implicit(2, Buffer.from(text)),
      )
      return {
        cert: certificate(names[0]!, name, own.publicKey, privateKey, [extension('2.5.29.17', false, sequence(...alternatives))]),
        key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      }
    },
  }
}
