// The id of a resumable upload, `bucket/name/version`, as base64url in its URL.
import type { ObjectVersion } from '../backend/backend.ts'
import { errors } from '../errors.ts'
import { isBucketName, isValidKey, mustBeValidKey } from '../objects/names.ts'

/** Where keys have their version behind `-$v-`, so have ids. */
const separatorOf = (versionSeparator: boolean): string => (versionSeparator ? '-$v-' : '/')
const VERSION = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export const idOf = ({ bucket, name, version }: ObjectVersion, versionSeparator: boolean): string =>
  `${bucket}/${name}${separatorOf(versionSeparator)}${version}`

/** Throws InvalidUploadId. */
export function readId(id: string, versionSeparator: boolean): ObjectVersion {
  const separator = separatorOf(versionSeparator)
  const slash = id.indexOf('/')
  const end = id.lastIndexOf(separator)
  const bucket = id.slice(0, slash)
  const name = id.slice(slash + 1, end)
  const version = id.slice(end + separator.length)
  if (slash < 1 || end <= slash || !isBucketName(bucket)) throw errors.invalidUploadId()
  if (!VERSION.test(version)) throw errors.invalidUploadId('Version not provided')
  if (!isValidKey(name)) throw errors.invalidUploadId('Object name is invalid')
  return { bucket, name, version }
}

/** What the last segment of a URL holds. Throws InvalidUploadId. */
export function decodeId(segment: string, versionSeparator: boolean): ObjectVersion {
  if (!/^[\w-]+=*$/.test(segment)) throw errors.invalidUploadId()
  return readId(Buffer.from(segment, 'base64url').toString(), versionSeparator)
}

export const encodeId = (id: string): string => Buffer.from(id).toString('base64url')

/** Of metadata. Throws InvalidBucketName and InvalidKey. */
export function mustBeNames(bucket: string, name: string): void {
  if (!isBucketName(bucket)) throw errors.invalidBucketName(bucket)
  mustBeValidKey(name)
}
