// The service provider's key pair, and the certificate that carries it to identity providers.
import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import {
  bits,
  boolean,
  explicit,
  generalizedTime,
  implicit,
  integer,
  octets,
  oid,
  printable,
  sequence,
  set,
  utcTime,
} from '../../../x509/der.ts'

export interface SamlKey {
  readonly privateKey: KeyObject
  /** DER. */
  readonly certificate: Buffer
}

function readKey(text: string): KeyObject {
  return createPrivateKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'pkcs1' })
}

/** What is wrong with a key, as the end of "expected ..."; undefined when it can be used. */
export function samlKeyProblem(text: string): string | undefined {
  const needed = 'an RSA key in PKCS#1, DER and base64'
  if (!/^[A-Za-z0-9+/\s]+={0,2}$/.test(text)) return needed
  let key: KeyObject
  try {
    key = readKey(text)
  } catch {
    return needed
  }
  const { modulusLength = 0, publicExponent } = key.asymmetricKeyDetails ?? {}
  if (publicExponent !== 65_537n) return 'an RSA key with the public exponent 65537'
  return modulusLength < 2_048 ? 'an RSA key of at least 2048 bits' : undefined
}

const SHA256_RSA = sequence(oid('1.2.840.113549.1.1.11'), Buffer.from([5, 0]))
const [DIGITAL_SIGNATURE, DATA_ENCIPHERMENT] = [0x80, 0x10]

/** The certificate is the same at every start, byte by byte upstream's: identity providers have it on file. */
export function samlKey(text: string, host: string, encrypts: boolean): SamlKey {
  const privateKey = readKey(text)
  const name = sequence(set(sequence(oid('2.5.4.3'), printable(`SAML 2.0 Certificate for ${host}`))))
  const usage = encrypts ? bits(Uint8Array.of(DIGITAL_SIGNATURE | DATA_ENCIPHERMENT), 4) : bits(Uint8Array.of(DIGITAL_SIGNATURE), 7)
  const body = sequence(
    explicit(0, integer(Uint8Array.of(2))),
    integer(Uint8Array.of(0)),
    SHA256_RSA,
    name,
    sequence(utcTime(new Date(0)), generalizedTime(new Date(Date.UTC(2170, 0, 1)))),
    name,
    createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    explicit(
      3,
      sequence(
        sequence(oid('2.5.29.15'), boolean(true), octets(usage)),
        sequence(oid('2.5.29.17'), octets(sequence(implicit(2, Buffer.from(`_samlsp.${host}`))))),
      ),
    ),
  )
  return { privateKey, certificate: sequence(body, SHA256_RSA, bits(sign('sha256', body, privateKey))) }
}
