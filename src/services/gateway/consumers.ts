// Who may call: consumers with their groups and credentials, looked up by digests so that no comparison tells how much of a key was right.
import { createHash, hash, timingSafeEqual } from 'node:crypto'
import { byteString } from './bytes.ts'

export interface Consumer {
  readonly id: string
  readonly username: string | undefined
  readonly customId: string | undefined
  readonly groups: ReadonlySet<string>
}

export interface KeyCredential {
  readonly id: string
  readonly consumer: Consumer
}

export interface BasicCredential {
  readonly id: string
  readonly username: string
  readonly consumer: Consumer
  /** Hex SHA-1 of password and consumer id: the form in which a file with `_transform: false` gives it. */
  readonly passwordHash: string
}

export interface JwtCredential {
  readonly id: string
  /** What the token names it by. */
  readonly key: string
  readonly algorithm: string
  readonly secret: string
  /** PEM, for the algorithms with a key pair. */
  readonly publicKey: string | undefined
  readonly consumer: Consumer
}

export interface HmacCredential {
  readonly id: string
  readonly username: string
  readonly secret: string
  readonly consumer: Consumer
}

export class Credentials {
  readonly #keys = new Map<string, KeyCredential>()
  readonly #basic = new Map<string, BasicCredential>()
  readonly #jwt = new Map<string, JwtCredential>()
  readonly #hmac = new Map<string, HmacCredential>()

  addKey(key: string, credential: KeyCredential): void {
    this.#keys.set(digest(byteString(key)), credential)
  }

  addBasic(credential: BasicCredential): void {
    this.#basic.set(credential.username, credential)
  }

  addJwt(credential: JwtCredential): void {
    this.#jwt.set(credential.key, credential)
  }

  addHmac(credential: HmacCredential): void {
    this.#hmac.set(credential.username, credential)
  }

  /** By the name that a token gives: no secret. */
  byJwtKey(key: string): JwtCredential | undefined {
    return this.#jwt.get(key)
  }

  byHmacName(username: string): HmacCredential | undefined {
    return this.#hmac.get(username)
  }

  /** By the digest of the bytes that were sent: the time of the lookup says nothing about the keys there are. */
  byKey(key: string): KeyCredential | undefined {
    return this.#keys.get(digest(key))
  }

  byPassword(username: string, password: string): BasicCredential | undefined {
    const credential = this.#basic.get(username)
    // An unknown name costs the same hash as a known one.
    const made = hashPassword(password, credential?.consumer.id ?? '')
    const expected = Buffer.from(credential?.passwordHash ?? '0'.repeat(40))
    const given = Buffer.from(made)
    return given.length === expected.length && timingSafeEqual(given, expected) ? credential : undefined
  }
}

export function hashPassword(password: string, consumerId: string): string {
  return createHash('sha1').update(password).update(consumerId).digest('hex')
}

/** Both sides are bytes, one character each: a header line's characters are, the file's keys are made so. */
const digest = (key: string) => hash('sha256', key, 'base64')
