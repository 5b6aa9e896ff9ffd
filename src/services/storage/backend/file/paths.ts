// Where the bytes of a version lie: ROOT/BUCKET/TENANT/<bucket>/<name>/<version>, as upstream lays them out, and never anywhere else.
import { realpath } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { errors } from '../../errors.ts'
import type { ObjectVersion } from '../backend.ts'
import { type Separator, withVersion } from '../keys.ts'

export interface Layout {
  /** The folder of all, without symbolic links in its path. */
  readonly root: string
  /** GLOBAL_S3_BUCKET: a folder level here. */
  readonly bucket: string
  readonly tenant: string
  /** What stands between the name and the version. */
  readonly separator: Separator
}

/** Of one path segment, on every file system in use. */
const MAX_SEGMENT_BYTES = 255
/** Linux takes 4096 with the root and the version; what a name may have of it. */
const MAX_NAME_BYTES = 3_500
const DOTS = /(?:^|[\\/])\.\.?(?:[\\/]|$)/

/** Throws InvalidKey for a name that no file can have. The texts of the first two are upstream's. */
export function acceptName(name: string, separator: Separator): void {
  if (name.includes('\0')) throw errors.invalidKey(name, ' contains null byte')
  if (DOTS.test(name)) throw errors.invalidKey(name, ' contains dot path segment')
  const segments = name.split('/')
  const last = separator === '/' ? MAX_SEGMENT_BYTES : MAX_SEGMENT_BYTES - separator.length - 36
  if (
    Buffer.byteLength(name) > MAX_NAME_BYTES ||
    segments.some((segment, index) => Buffer.byteLength(segment) > (index === segments.length - 1 ? last : MAX_SEGMENT_BYTES))
  ) {
    throw errors.invalidKey(name, ' has a part that is too long to be stored')
  }
}

/** The path of a version below the root. Throws InvalidKey for whatever would lead elsewhere. */
export function keyOf(layout: Layout, of: ObjectVersion): string {
  acceptName(of.name, layout.separator)
  // A bucket made by SQL may have any id; it is one folder here.
  if (/[\0\\/]/.test(of.bucket) || of.bucket === '' || of.bucket === '.' || of.bucket === '..') throw errors.invalidBucketName(of.bucket)
  if (/[\0\\/]/.test(of.version) || of.version.startsWith('.')) throw errors.invalidKey(of.name, ' has no such version')
  const name = of.name.split('/').filter(Boolean).join('/')
  return `${layout.bucket}/${layout.tenant}/${of.bucket}/${withVersion(name, of.version, layout.separator)}`
}

export const pathOf = (layout: Layout, of: ObjectVersion): string => join(layout.root, ...keyOf(layout, of).split('/'))

/** The folder of a bucket, and where the removal of empty folders ends. */
export const bucketFolder = (layout: Layout, bucket: string): string => join(layout.root, layout.bucket, layout.tenant, bucket)
export const tenantFolder = (layout: Layout): string => join(layout.root, layout.bucket, layout.tenant)

/**
 * Rejects when a symbolic link stands anywhere in the path of a folder below the root: nothing of ours makes one, so it would lead to
 * what somebody planted. ENOENT is passed on.
 */
export async function refuseLinks(folder: string): Promise<void> {
  if (!same(await realpath(folder), folder)) throw errors.internal(new Error(`${folder} is reached through a symbolic link`))
}

/** File systems of macOS and Windows give a path back in its own case and form. */
export const same = (real: string, wanted: string): boolean =>
  real === wanted || (process.platform !== 'linux' && real.normalize().toLowerCase() === wanted.normalize().toLowerCase())

/** The folders from the one given up to (and with) `top`. */
export function upTo(top: string, folder: string): string[] {
  const folders: string[] = []
  for (let at = folder; at === top || at.startsWith(top + sep); at = dirname(at)) folders.push(at)
  return folders
}
