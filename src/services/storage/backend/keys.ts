// Keys of versions, as upstream makes them: `<tenant>/<bucket>/<name>/<version>`, and back from a key to what it is the key of.
import type { ObjectVersion } from './backend.ts'

/** What stands between the name and the version: `-$v-` with TUS_USE_FILE_VERSION_SEPARATOR. */
export type Separator = '/' | '-$v-'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
/** Belong to the version beside them: attributes of a file, and the state of a resumable upload. */
const COMPANION = /\.(?:attributes|json|info)$/

// Rows of upstream's first releases have no version: their bytes lie under the name alone.
export const withVersion = (name: string, version: string, separator: Separator): string =>
  version === '' ? name : `${name}${separator}${version}`

/** From the key below its bucket's. Undefined for what is not a version, but belongs to one. */
export function versionOfKey(bucket: string, key: string, separator: Separator): ObjectVersion | undefined {
  const found = split(key, separator)
  if (found) return { bucket, ...found }
  return COMPANION.test(key) && split(key.replace(COMPANION, ''), separator) ? undefined : { bucket, name: key, version: '' }
}

function split(key: string, separator: Separator): { name: string; version: string } | undefined {
  const at = key.lastIndexOf(separator)
  const version = key.slice(at + separator.length)
  return at > 0 && UUID.test(version) ? { name: key.slice(0, at), version } : undefined
}
