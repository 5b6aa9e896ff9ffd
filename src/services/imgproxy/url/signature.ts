// The signature of a URL: HMAC-SHA256 over salt and path, base64url, cut to its configured size. Any of several keys may have made it.
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { ImgproxyEnv } from '../env.ts'
import { ImgproxyError } from '../errors.ts'

export type CheckSignature = (signature: string, path: string) => void

/** Throws `Forbidden`. Without keys every signature is right. */
export function signatureCheck(env: ImgproxyEnv): CheckSignature {
  const { IMGPROXY_KEY: keys, IMGPROXY_SALT: salts, IMGPROXY_SIGNATURE_SIZE: size } = env
  if (keys.length !== salts.length) throw new Error('IMGPROXY_KEY and IMGPROXY_SALT need the same number of values')
  if (keys.length === 0) return () => {}
  return (signature, path) => {
    const given = Buffer.from(signature, 'base64url')
    let right = false
    for (const [i, key] of keys.entries()) {
      const made = createHmac('sha256', key).update(salts[i]!).update(path).digest().subarray(0, size)
      if (given.length === made.length && timingSafeEqual(given, made)) right = true
    }
    if (!right) throw new ImgproxyError('forbidden', 'the signature is wrong')
  }
}
