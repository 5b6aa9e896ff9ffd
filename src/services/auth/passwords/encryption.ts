// Values that rest encrypted in the database where GOTRUE_SECURITY_DB_ENCRYPTION_* says so: password hashes, factor secrets, session keys.
// Upstream's format, so that either side reads what the other wrote.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { AuthEnv } from '../env.ts'

const ALGORITHM = 'aes-gcm-hkdf'
const NONCE_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32

const sealed = z.object({ key_id: z.string(), alg: z.literal(ALGORITHM), data: z.base64(), nonce: z.base64() })

/** Each value is bound to the id of its row: moved to another row it cannot be read. */
export class ValueCipher {
  readonly #encrypts: boolean
  readonly #keyId: string
  readonly #keys: ReadonlyMap<string, Buffer>

  /** Throws when a key is not 32 bytes of base64url, or the key to encrypt with is missing. */
  constructor(env: AuthEnv) {
    this.#encrypts = env.GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPT
    this.#keyId = env.GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY_ID
    const keys = { ...env.GOTRUE_SECURITY_DB_ENCRYPTION_DECRYPTION_KEYS }
    if (this.#encrypts) keys[this.#keyId] = env.GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY
    this.#keys = new Map(Object.entries(keys).map(([id, key]) => [id, readKey(id, key)]))
  }

  /** The value as it is stored. */
  seal(rowId: string, value: string): string {
    if (!this.#encrypts || value === '') return value
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#derive(this.#keyId, rowId), nonce)
    const data = Buffer.concat([cipher.update(value, 'utf8'), cipher.final(), cipher.getAuthTag()])
    return JSON.stringify({ key_id: this.#keyId, alg: ALGORITHM, data: data.toString('base64'), nonce: nonce.toString('base64') })
  }

  /** The value of what is stored, encrypted or not. Throws when its key is not known. */
  open(rowId: string, stored: string): string {
    const parsed = stored.startsWith('{') ? sealed.safeParse(parseJson(stored)) : undefined
    if (!parsed?.success) return stored
    const { key_id: keyId, data, nonce } = parsed.data
    const bytes = Buffer.from(data, 'base64')
    const decipher = createDecipheriv('aes-256-gcm', this.#derive(keyId, rowId), Buffer.from(nonce, 'base64'))
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
    return Buffer.concat([decipher.update(bytes.subarray(0, bytes.length - TAG_BYTES)), decipher.final()]).toString('utf8')
  }

  #derive(keyId: string, rowId: string): Buffer {
    const key = this.#keys.get(keyId)
    if (!key)
      throw new Error(`Cannot decrypt a value: key ${JSON.stringify(keyId)} is not among GOTRUE_SECURITY_DB_ENCRYPTION_DECRYPTION_KEYS`)
    return Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), rowId, KEY_BYTES))
  }
}

function readKey(id: string, text: string): Buffer {
  const key = Buffer.from(text, 'base64url')
  if (key.length !== KEY_BYTES)
    throw new Error(`Cannot use the database encryption key ${JSON.stringify(id)}: it must be 32 bytes of base64url`)
  return key
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // a plain value that begins with a brace
  }
}
