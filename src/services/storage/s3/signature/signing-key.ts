// The key that a secret gives for one day, region and service, and what it signs.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

export const EMPTY_HASH = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

export const sha256 = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

export class SigningKey {
  readonly scope: string
  #key: Buffer

  constructor(secret: string, day: string, region: string, service: string) {
    this.scope = `${day}/${region}/${service}/aws4_request`
    this.#key = hmac(hmac(hmac(hmac(`AWS4${secret}`, day), region), service), 'aws4_request')
  }

  sign(text: string): string {
    return hmac(this.#key, text).toString('hex')
  }

  /** In constant time. */
  verifies(text: string, signature: string): boolean {
    const given = Buffer.from(signature, 'latin1')
    const right = Buffer.from(this.sign(text), 'latin1')
    return given.length === right.length && timingSafeEqual(given, right)
  }
}

/** How many keys are kept: a handful of credentials, each with one region and, around midnight, two days. */
const MAX_KEYS = 64

/** The keys of the last days, so that a request costs two hashes and not six. */
export class SigningKeys {
  #keys = new Map<string, SigningKey>()

  of(secret: string, day: string, region: string, service: string): SigningKey {
    const name = `${day}\n${region}\n${service}\n${secret}`
    const known = this.#keys.get(name)
    if (known) return known
    const key = new SigningKey(secret, day, region, service)
    if (this.#keys.size >= MAX_KEYS) this.#keys.clear()
    this.#keys.set(name, key)
    return key
  }
}
