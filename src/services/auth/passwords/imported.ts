// Hashes of other systems: their grammar with bounds, and Firebase's scrypt, which no library has.
import { createCipheriv, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const derive = promisify<string, Buffer, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(scrypt)

export interface Argon2Hash {
  readonly memoryKib: number
  readonly time: number
  readonly parallelism: number
}

const ARGON2 = /^\$argon2(?:i|id)\$v=19\$m=(\d{1,10}),t=(\d{1,10}),p=(\d{1,3})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

/** argon2i and argon2id of version 19, up to 1 GiB, 20 passes and 16 lanes. */
export function parseArgon2(hash: string): Argon2Hash | undefined {
  const match = ARGON2.exec(hash)
  if (!match) return undefined
  const [memoryKib, time, parallelism] = [Number(match[1]), Number(match[2]), Number(match[3])]
  if (memoryKib < 8 * parallelism || memoryKib > 1_048_576 || time < 1 || time > 20 || parallelism < 1 || parallelism > 16) return undefined
  return { memoryKib, time, parallelism }
}

export interface FirebaseHash {
  readonly cost: number
  readonly rounds: number
  readonly threads: number
  readonly separator: Buffer
  readonly signerKey: Buffer
  readonly salt: Buffer
  readonly hash: Buffer
}

const FIREBASE =
  /^\$fbscrypt\$v=1,n=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})(?:,ss=([A-Za-z0-9+/]*={0,2}))?(?:,sk=([A-Za-z0-9+/]+={0,2}))?\$([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]+={0,2})$/

export function parseFirebase(text: string): FirebaseHash | undefined {
  const match = FIREBASE.exec(text)
  if (!match) return undefined
  const [n, rounds, threads] = [Number(match[1]), Number(match[2]), Number(match[3])]
  if (n < 1 || n > 20 || rounds < 1 || threads < 1 || rounds * threads > 128 || !match[5]) return undefined
  const bytes = (part: string | undefined) => Buffer.from(part ?? '', 'base64')
  return {
    cost: 2 ** n,
    rounds,
    threads,
    separator: bytes(match[4]),
    signerKey: bytes(match[5]),
    salt: bytes(match[6]),
    hash: bytes(match[7]),
  }
}

/** Key by scrypt over salt and separator; the hash is the signer key under AES-256-CTR with that key and no nonce. */
export async function verifyFirebase(parsed: FirebaseHash, password: string): Promise<boolean> {
  const { cost: N, rounds: r, threads: p } = parsed
  const key = await derive(password, Buffer.concat([parsed.salt, parsed.separator]), 32, { N, r, p, maxmem: 256 * N * r * p })
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
  const made = Buffer.concat([cipher.update(parsed.signerKey), cipher.final()])
  return made.length === parsed.hash.length && timingSafeEqual(made, parsed.hash)
}
