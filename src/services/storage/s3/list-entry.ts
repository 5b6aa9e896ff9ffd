// An object as lists tell it.
import { iso } from '../objects/object.ts'
import type { Entry } from './listing.ts'
import type { XmlTree } from './xml/write.ts'

export const contentsOf = ({ name, updated_at, metadata }: Entry, encode: (text: string) => string): XmlTree => ({
  Key: encode(name),
  LastModified: updated_at === null ? undefined : iso(updated_at),
  ETag: metadata?.eTag,
  Size: metadata?.size ?? 0,
  StorageClass: 'STANDARD',
})
