// What the two ways of adding a part have in common: the count before, the row behind, and the count given back.
import type { Call } from '../../caller/caller.ts'
import type { StorageContext } from '../../context.ts'
import { errors } from '../../errors.ts'
import { numberParameter } from '../parameters.ts'
import { count } from './progress.ts'
import { insertPart, type UploadRow } from './uploads.ts'

export const MAX_PARTS = 10_000
const MAX_PART_BYTES = 5 * 1024 ** 3

/** Throws InvalidRequest. */
export function partNumberOf(query: ReadonlyMap<string, string>): number {
  const number = numberParameter(query, 'partNumber', { min: 1, max: MAX_PARTS })
  if (number === undefined) throw errors.invalidShape("Querystring must have required property 'partNumber'")
  if (!query.get('uploadId')) throw errors.invalidShape("Querystring must have required property 'uploadId'")
  return number
}

export async function storePart<Stored extends { readonly etag: string }>(
  ctx: StorageContext,
  call: Call,
  upload: UploadRow,
  { number, size, limit }: { readonly number: number; readonly size: number; readonly limit: number },
  store: () => Promise<Stored>,
): Promise<Stored> {
  if (size > MAX_PART_BYTES) throw errors.entityTooLarge()
  await count(ctx, call, upload.id, size, limit)
  const giveBack = (bytes: number) =>
    bytes === 0
      ? Promise.resolve()
      : count(ctx, call, upload.id, -bytes).catch((error: unknown) =>
          // The upload may be gone. If it is not, its limit is met a little early.
          ctx.log.debug({ err: error, upload: upload.id }, 'the bytes of a part could not be given back'),
        )
  try {
    const stored = await store()
    await giveBack(await insertPart(ctx, call, upload, { number, size, etag: stored.etag }))
    return stored
  } catch (error) {
    await giveBack(size)
    throw error
  }
}
