// `encrypted:...` values, as dotenvx writes them: ECIES on secp256k1 (ephemeral key, HKDF-SHA256, AES-256-GCM with a nonce of 16 bytes).
import { createDecipheriv, createECDH, hkdfSync } from 'node:crypto'
import type { Environment } from '../../service/definition.ts'

const PREFIX = 'encrypted:'
const PRIME = 2n ** 256n - 2n ** 32n - 977n

export const isEncrypted = (value: string): boolean => value.startsWith(PREFIX)

/** Every private key of the environment: DOTENV_PRIVATE_KEY and its variants, each with one or more keys. */
export function privateKeys(env: Environment): string[] {
  return Object.entries(env)
    .filter(([name]) => name === 'DOTENV_PRIVATE_KEY' || name.startsWith('DOTENV_PRIVATE_KEY_'))
    .flatMap(([, value]) => (value ?? '').split(','))
    .map((key) => key.trim())
    .filter((key) => /^[0-9a-f]{64}$/i.test(key))
}

/** The plain text, or undefined when none of the keys opens it. */
export function decrypt(value: string, keys: readonly string[]): string | undefined {
  const bytes = Buffer.from(value.slice(PREFIX.length), 'base64')
  // 65 bytes of the ephemeral key, 16 of the nonce, 16 of the tag.
  if (bytes.length < 97 || bytes[0] !== 4) return undefined
  for (const key of keys) {
    const text = open(bytes, Buffer.from(key, 'hex'))
    if (text !== undefined) return text
  }
  return undefined
}

function open(bytes: Buffer, key: Buffer): string | undefined {
  const sender = bytes.subarray(0, 65)
  for (const point of sharedPoints(sender, key)) {
    const secret = Buffer.from(hkdfSync('sha256', Buffer.concat([sender, point]), Buffer.alloc(0), Buffer.alloc(0), 32))
    const cipher = createDecipheriv('aes-256-gcm', secret, bytes.subarray(65, 81)).setAuthTag(bytes.subarray(81, 97))
    try {
      return Buffer.concat([cipher.update(bytes.subarray(97)), cipher.final()]).toString('utf8')
    } catch {
      // The tag does not fit: another point or another key.
    }
  }
  return undefined
}

// Node gives only x of the shared point, the key is derived from x and y: both roots are tried, the tag decides.
function sharedPoints(sender: Buffer, key: Buffer): Buffer[] {
  const ecdh = createECDH('secp256k1')
  try {
    ecdh.setPrivateKey(key)
    const x = BigInt(`0x${ecdh.computeSecret(sender).toString('hex')}`)
    const y = power((x ** 3n + 7n) % PRIME, (PRIME + 1n) / 4n)
    return [y, PRIME - y].map((root) => Buffer.from(`04${hex(x)}${hex(root)}`, 'hex'))
  } catch {
    // No point of the curve, or no valid key: nothing can be opened with it.
    return []
  }
}

const hex = (value: bigint): string => value.toString(16).padStart(64, '0')

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  let square = base % PRIME
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % PRIME
    square = (square * square) % PRIME
  }
  return result
}
