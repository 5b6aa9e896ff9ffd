// The bytes of an object for somebody who may read it: conditions and range are decided by the row, then the backend is asked.
import type { Readable } from 'node:stream'
import type { ByteRange, ObjectFacts } from '../backend/backend.ts'
import type { StorageContext } from '../context.ts'
import { StorageError } from '../errors.ts'
import { factsOf, type ObjectRow, versionOf } from './object.ts'
import { rangeOf } from './range.ts'

export interface Conditions {
  readonly range?: string | undefined
  readonly ifNoneMatch?: string | undefined
  readonly ifModifiedSince?: string | undefined
}

export type Downloaded =
  | { readonly status: 304; readonly row: ObjectRow; readonly facts: ObjectFacts }
  | {
      readonly status: 200 | 206
      readonly row: ObjectRow
      readonly facts: ObjectFacts
      readonly range: ByteRange | undefined
      /** Bytes that are sent. */
      readonly length: number
      readonly body: Buffer | Readable
    }

/** How often a name is looked up again whose version was replaced between the row and the bytes. */
const TRIES = 4

/** `find` gives the row that the caller may read. Throws what it throws, InvalidRange, and NoSuchKey where the bytes are missing. */
export async function download(
  { backend }: StorageContext,
  find: () => Promise<ObjectRow>,
  conditions: Conditions = {},
  signal?: AbortSignal,
): Promise<Downloaded> {
  let row = await find()
  for (let attempt = 1; ; attempt++) {
    try {
      return await read(row, conditions)
    } catch (error) {
      // The bytes of a version that was replaced or moved are removed at once; the name has others by now, or none.
      if (attempt === TRIES || !(error instanceof StorageError) || error.code !== 'NoSuchKey') throw error
      const { version } = row
      row = await find()
      if (row.version === version) throw error
    }
  }

  async function read(row: ObjectRow, { range: header, ifNoneMatch, ifModifiedSince }: Conditions): Promise<Downloaded> {
    const of = versionOf(row)
    const facts = factsOf(row) ?? (await backend.head(of))
    if (unchanged(facts, ifNoneMatch, ifModifiedSince)) return { status: 304, row, facts }
    const range = header === undefined ? undefined : rangeOf(header, facts.size)
    const { body } = await backend.get(of, { facts, ...(range !== undefined && { range }) }, signal)
    return {
      status: range === undefined ? 200 : 206,
      row,
      facts,
      range,
      length: range === undefined ? facts.size : range.end - range.start + 1,
      body,
    }
  }
}

function unchanged({ etag, lastModified }: ObjectFacts, ifNoneMatch: string | undefined, ifModifiedSince: string | undefined): boolean {
  if (ifNoneMatch !== undefined && ifNoneMatch === etag) return true
  if (ifModifiedSince === undefined) return false
  const since = Date.parse(ifModifiedSince)
  // HTTP's times have no fractions.
  return !Number.isNaN(since) && Math.floor(lastModified.getTime() / 1_000) * 1_000 <= since
}
