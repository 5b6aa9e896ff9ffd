// Password hashes: bcrypt of cost ten is made; bcrypt, argon2 and Firebase's scrypt are checked, so that imported accounts sign in.
import { verify as verifyArgon2 } from '@node-rs/argon2'
import { hash as bcryptHash, parseOptions, verify as verifyBcrypt } from '@node-rs/bcrypt'
import { errors } from '../errors.ts'
import { type Metrics, noMetrics } from '../metrics.ts'
import { WorkQueue } from '../work-queue.ts'
import { parseArgon2, parseFirebase, verifyFirebase } from './imported.ts'

const COST = 10
const MAX_BYTES = 72
// Of a password that nobody has: what an unknown user costs to refuse is what a known one costs.
const NOBODY = '$2a$10$EzjT4OxdqKMocV/KMqb6jOkiVLSvMRKwnysBDNfwJQTV4TSZw9L8u'

export class PasswordHasher {
  readonly #queue: WorkQueue
  readonly #metrics: Metrics

  constructor(waitingMax: number, metrics: Metrics = noMetrics) {
    this.#metrics = metrics
    this.#queue = new WorkQueue({ waitingMax, refuse: () => errors.requestRate() })
  }

  /** Throws `validation_failed` over 72 bytes. */
  async hash(password: string): Promise<string> {
    if (isTooLong(password)) throw errors.validation('Password cannot be longer than 72 characters')
    return this.#run('generate', () => bcryptHash(password, { cost: COST, version: '2a' }))
  }

  async matches(hash: string, password: string): Promise<boolean> {
    if (hash === '') return false
    return this.#run('compare', () => compare(hash, password))
  }

  /** Takes as long as refusing a wrong password does. */
  async refuse(password: string): Promise<void> {
    await this.#run('compare', () => verifyBcrypt(password, NOBODY))
  }

  async #run<Result>(kind: 'generate' | 'compare', work: () => Promise<Result>): Promise<Result> {
    this.#metrics.hashing(kind, 'submitted')
    const result = await this.#queue.run(work)
    this.#metrics.hashing(kind, 'completed')
    return result
  }
}

export const isTooLong = (password: string): boolean => Buffer.byteLength(password) > MAX_BYTES

async function compare(hash: string, password: string): Promise<boolean> {
  if (hash.startsWith('$argon2')) return parseArgon2(hash) !== undefined && verifyArgon2(hash, password)
  if (hash.startsWith('$fbscrypt')) {
    const parsed = parseFirebase(hash)
    return parsed !== undefined && verifyFirebase(parsed, password)
  }
  return verifyBcrypt(password, hash)
}

/** Whether the text is a hash that a later sign-in can be checked against. */
export function isKnownHash(hash: string): boolean {
  if (hash.startsWith('$argon2')) return parseArgon2(hash) !== undefined
  if (hash.startsWith('$fbscrypt')) return parseFirebase(hash) !== undefined
  try {
    parseOptions(hash)
    return true
  } catch {
    return false // the parser says why; the caller's answer does not
  }
}
