// The conditions on the source of an S3 copy, for backends that have no such question of their own. RFC 9110: `if-match` outranks
// `if-unmodified-since`, `if-none-match` outranks `if-modified-since`, and a time has whole seconds.
import { StorageError } from '../errors.ts'
import type { CopyConditions, ObjectFacts } from './backend.ts'

const seconds = (date: Date): number => Math.floor(date.getTime() / 1_000)

/** Commas are allowed within the quotes of a tag. */
const names = (list: string, etag: string): boolean =>
  (list.match(/(?:W\/)?"[^"]*"|[^,\s]+/g) ?? []).some((tag) => tag === '*' || bare(tag) === bare(etag))

const bare = (tag: string): string => tag.replace(/^W\//, '').replace(/^"(.*)"$/, '$1')

export const preconditionFailed = (cause?: unknown): StorageError =>
  new StorageError({ code: 'PreconditionFailed', status: 412, message: 'PreconditionFailed' }, { cause })

export function conditionsHold(conditions: CopyConditions, source: Pick<ObjectFacts, 'etag' | 'lastModified'>): boolean {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions
  const changed = (since: Date) => seconds(source.lastModified) > seconds(since)
  return (
    (ifMatch !== undefined ? names(ifMatch, source.etag) : !ifUnmodifiedSince || !changed(ifUnmodifiedSince)) &&
    (ifNoneMatch !== undefined ? !names(ifNoneMatch, source.etag) : !ifModifiedSince || changed(ifModifiedSince))
  )
}

export function checkConditions(conditions: CopyConditions, source: Pick<ObjectFacts, 'etag' | 'lastModified'>): void {
  if (!conditionsHold(conditions, source)) throw preconditionFailed()
}
