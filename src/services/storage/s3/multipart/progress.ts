// How much of an upload in parts has come: a counter in its row, sealed so that nobody who can write the row can talk the limit away.
// The seal is upstream's (CryptoJS.AES with a passphrase, which is OpenSSL's salted AES-256-CBC), so either server counts on.
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import type { Call } from '../../caller/caller.ts'
import type { StorageContext } from '../../context.ts'
import { rows } from '../../database/sql.ts'
import { errors } from '../../errors.ts'
import { refusals } from '../refusals.ts'

const MAGIC = 'Salted__'

/** OpenSSL's EVP_BytesToKey with MD5: 32 bytes of key and 16 of vector. */
function keyOf(passphrase: string, salt: Buffer): { key: Buffer; vector: Buffer } {
  const password = Buffer.concat([Buffer.from(passphrase, 'latin1'), salt])
  let block = Buffer.alloc(0)
  let derived = Buffer.alloc(0)
  while (derived.length < 48) {
    block = createHash('md5').update(block).update(password).digest()
    derived = Buffer.concat([derived, block])
  }
  return { key: derived.subarray(0, 32), vector: derived.subarray(32, 48) }
}

export function seal(progress: number, passphrase: string): string {
  const salt = randomBytes(8)
  const { key, vector } = keyOf(passphrase, salt)
  const cipher = createCipheriv('aes-256-cbc', key, vector)
  return Buffer.concat([Buffer.from(MAGIC), salt, cipher.update(`progress:${progress}`), cipher.final()]).toString('base64')
}

/** Undefined for what was not sealed with the passphrase. */
export function unseal(sealed: string, passphrase: string): number | undefined {
  const bytes = Buffer.from(sealed, 'base64')
  if (bytes.subarray(0, 8).toString('latin1') !== MAGIC) return undefined
  const { key, vector } = keyOf(passphrase, bytes.subarray(8, 16))
  try {
    const decipher = createDecipheriv('aes-256-cbc', key, vector)
    const text = Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]).toString('utf8')
    const found = /^progress:(-?\d+)$/.exec(text)
    return found === null ? undefined : Number(found[1])
  } catch {
    return undefined // another passphrase: the padding does not come out
  }
}

/** Parts of one upload that come at once change the counter in turn: each change is of the state that it has read. */
const TRIES = 200

/**
 * Adds to the counter. Throws NoSuchUpload, InvalidUploadSignature, and EntityTooLarge where it would pass `limit`. Negative amounts give
 * back what was counted for a part that did not come, or was replaced.
 */
export async function count(
  ctx: StorageContext,
  call: Call,
  uploadId: string,
  bytes: number,
  limit = Number.POSITIVE_INFINITY,
): Promise<void> {
  const { encryptionKey } = ctx.config
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const [state] = await ctx.database.rowsAsService<{ progress: number; sealed: string }>(
      call,
      rows('select in_progress_size as progress, upload_signature as sealed from storage.s3_multipart_uploads where id = $1', [uploadId]),
    )
    if (state === undefined) throw errors.noSuchUpload(uploadId)
    if (unseal(state.sealed, encryptionKey) !== state.progress) throw errors.invalidUploadSignature()
    const next = state.progress + bytes
    if (next > limit) throw errors.entityTooLarge()
    const [changed] = await ctx.database.rowsAsService(
      call,
      rows(
        `update storage.s3_multipart_uploads set in_progress_size = $2::bigint, upload_signature = $3
          where id = $1 and in_progress_size = $4::bigint and upload_signature = $5 returning id`,
        [uploadId, next, seal(next, encryptionKey), state.progress, state.sealed],
      ),
    )
    if (changed !== undefined) return
  }
  throw refusals.operationAborted()
}
