// Which names objects and buckets may have: upstream's alphabet, which is S3's safe one and a little more.
import { errors } from '../errors.ts'

const KEY = /^(?:\w|\/|!|-|\.|\*|'|\(|\)| |&|\$|@|=|;|:|\+|,|\?)+$/
const BUCKET = /^(?:\w|!|-|\.|\*|'|\(|\)| |&|\$|@|=|;|:|\+|,|\?)+$/
const BUCKET_MAX = 100
/** Of buckets that stand for tables elsewhere. */
const RESERVED_SUFFIX = '--table-s3'

export const isValidKey = (name: string): boolean => KEY.test(name)
/** Of a bucket that is named, and may have been made in SQL. */
export const isBucketName = (name: string): boolean => BUCKET.test(name)

/** Throws InvalidKey. A `.` or `..` between slashes is no name: file systems and URLs read it otherwise. */
export function mustBeValidKey(name: string): void {
  if (!KEY.test(name)) throw errors.invalidKey(name)
  if (/(?:^|\/)\.\.?(?:\/|$)/.test(name)) throw errors.invalidKey(name, ' contains dot path segment')
}

/** Of a bucket that is made. Throws InvalidBucketName. */
export function mustBeValidBucketName(name: string): void {
  if (name.length > BUCKET_MAX || name !== name.trim() || !BUCKET.test(name) || name.endsWith(RESERVED_SUFFIX))
    throw errors.invalidBucketName(name)
}

/** `bucket/name`: what locks, signatures and events call an object. */
export const pathOf = (bucket: string, name: string): string => `${bucket}/${name}`

/** Upstream's hash for advisory locks (djb2 with xor), so that the two exclude each other. */
export function lockKey(text: string): number {
  let hash = 5381
  for (let at = 0; at < text.length; at++) hash = (hash * 33) ^ text.charCodeAt(at)
  return hash >>> 0
}
