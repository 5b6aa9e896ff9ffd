// A certificate signed by itself, for a listener that has none yet. RFC 5280; EC P-256 with SHA-256.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'
import { bits, boolean, explicit, implicit, integer, octets, oid, sequence, set, utcTime, utf8 } from '../../../x509/der.ts'

const DAY_MS = 24 * 3_600_000
/** What browsers and Apple's systems accept at most. */
const VALID_DAYS = 825

const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'))
const [COMMON_NAME, ORGANISATION] = [oid('2.5.4.3'), oid('2.5.4.10')]
const SERVER_AUTH = oid('1.3.6.1.5.5.7.3.1')

/** For these names and addresses, the first of which is its subject. */
export function selfSigned(names: readonly [string, ...string[]], now = Date.now()): { readonly cert: string; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const name = sequence(set(sequence(COMMON_NAME, utf8(names[0]))), set(sequence(ORGANISATION, utf8('Plinth'))))
  const body = sequence(
    explicit(0, integer(Uint8Array.of(2))),
    integer(randomBytes(16)),
    ECDSA_SHA256,
    name,
    sequence(utcTime(new Date(now - DAY_MS)), utcTime(new Date(now + VALID_DAYS * DAY_MS))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(
      3,
      sequence(
        extension('2.5.29.19', true, sequence()),
        // digitalSignature
        extension('2.5.29.15', true, bits(Uint8Array.of(0x80), 7)),
        extension('2.5.29.37', false, sequence(SERVER_AUTH)),
        extension('2.5.29.17', false, sequence(...names.map(generalName))),
      ),
    ),
  )
  const certificate = sequence(body, ECDSA_SHA256, bits(sign('sha256', body, privateKey)))
  return { cert: pem('CERTIFICATE', certificate), key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string }
}

function extension(id: string, critical: boolean, value: Uint8Array): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value))
}

function generalName(name: string): Buffer {
  const family = isIP(name)
  return family === 0 ? implicit(2, Buffer.from(name)) : implicit(7, addressBytes(name, family))
}

function addressBytes(address: string, family: number): Buffer {
  if (family === 4) return Buffer.from(address.split('.').map(Number))
  const [head = '', tail] = address.split('::')
  const groups = (part: string | undefined) => (part ? part.split(':').map((group) => Number.parseInt(group, 16)) : [])
  const [left, right] = [groups(head), groups(tail)]
  const all = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right]
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]))
}

function pem(label: string, der: Buffer): string {
  return `-----BEGIN ${label}-----\n${der
    .toString('base64')
    .match(/.{1,64}/g)!
    .join('\n')}\n-----END ${label}-----\n`
}
