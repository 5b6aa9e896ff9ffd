// The form in which secrets lie in _realtime: upstream's, so that a database moves either way.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { RealtimeEnv } from '../env.ts'

const GCM_PREFIX = 'g1:'
const IV_BYTES = 12
const TAG_BYTES = 16

export interface Encryption {
  encrypt(text: string): string
  /** Throws when no key of this service opens the value. */
  decrypt(value: string): string
}

/** AES-128-ECB under DB_ENC_KEY, or AES-256-GCM under DB_ENC_KEY_GCM where DB_ENC_WRITE_GCM says so; both are readable side by side. */
export function openEncryption(env: Pick<RealtimeEnv, 'DB_ENC_KEY' | 'DB_ENC_KEY_GCM' | 'DB_ENC_WRITE_GCM'>): Encryption {
  const ecb = env.DB_ENC_KEY === undefined ? undefined : Buffer.from(env.DB_ENC_KEY)
  const gcm = env.DB_ENC_KEY_GCM === undefined ? undefined : Buffer.from(env.DB_ENC_KEY_GCM)
  return {
    encrypt(text) {
      if (gcm !== undefined && (env.DB_ENC_WRITE_GCM || ecb === undefined)) {
        const iv = randomBytes(IV_BYTES)
        const cipher = createCipheriv('aes-256-gcm', gcm, iv)
        const encrypted = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
        return GCM_PREFIX + Buffer.concat([iv, cipher.getAuthTag(), encrypted]).toString('base64')
      }
      if (ecb === undefined) throw new Error('Cannot encrypt: neither DB_ENC_KEY nor DB_ENC_KEY_GCM is set')
      const cipher = createCipheriv('aes-128-ecb', ecb, null)
      return Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]).toString('base64')
    },
    decrypt(value) {
      if (value.startsWith(GCM_PREFIX)) {
        if (gcm === undefined) throw new Error('Cannot decrypt a value of the service database: DB_ENC_KEY_GCM is not set')
        const bytes = Buffer.from(value.slice(GCM_PREFIX.length), 'base64')
        const decipher = createDecipheriv('aes-256-gcm', gcm, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
        decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
        return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8')
      }
      if (ecb === undefined) throw new Error('Cannot decrypt a value of the service database: DB_ENC_KEY is not set')
      const decipher = createDecipheriv('aes-128-ecb', ecb, null)
      return Buffer.concat([decipher.update(Buffer.from(value, 'base64')), decipher.final()]).toString('utf8')
    },
  }
}
