// DeleteObjects: a list of keys, each told for itself.
import { bucketForService } from '../../buckets/bucket.ts'
import { rows } from '../../database/sql.ts'
import { errors } from '../../errors.ts'
import { removeMany } from '../../objects/remove.ts'
import { type Exchange, type Operation, textBody } from '../exchange.ts'
import { childrenOf, readXml, textOf } from '../xml/read.ts'

const HARD_LIMIT = 1_000

export const deleteObjects: Operation = {
  name: 'storage.s3.object.delete_many',
  async run(exchange) {
    const { ctx, call, bucket } = exchange
    const { keys, quiet } = readRequest(await textBody(exchange))
    if (ctx.config.hardLimits && keys.length > HARD_LIMIT)
      throw errors.invalidRequest(`Bulk object requests are limited to ${HARD_LIMIT} objects per request.`)
    const gone = new Set((await removeMany(ctx, call, bucket, keys)).map(({ name }) => name))
    const left = await stillThere(
      exchange,
      keys.filter((key) => !gone.has(key)),
    )
    if (gone.size === 0 && left.size === 0) await bucketForService(ctx, call, bucket)
    const deleted = keys.filter((key) => !left.has(key)).map((key) => ({ Key: key }))
    const refused = keys.filter((key) => left.has(key)).map((key) => ({ Key: key, Code: 'AccessDenied', Message: 'Access Denied' }))
    return { status: 200, tree: { DeleteResult: { Deleted: quiet ? [] : deleted, Error: refused } } }
  },
}

/** Throws InvalidRequest in the words of upstream's validator. */
function readRequest(text: string): { keys: string[]; quiet: boolean } {
  if (text.trim() === '') throw errors.invalidShape('Body must be object')
  const root = readXml(text)
  if (root.name !== 'Delete') throw errors.invalidShape("Body must have required property 'Delete'")
  if (root.children.length === 0) throw errors.invalidShape('Body, Delete must be object')
  const objects = childrenOf(root, 'Object')
  if (objects.length === 0) throw errors.invalidShape("Body, Delete must have required property 'Object'")
  const keys = objects.map((object, at) => {
    const key = textOf(object, 'Key')
    if (key === undefined) throw errors.invalidShape(`Body, Delete, Object, ${at} must have required property 'Key'`)
    return key
  })
  return { keys: [...new Set(keys)], quiet: textOf(root, 'Quiet')?.trim() === 'true' }
}

/** What was not deleted and is there: the caller was not allowed to. */
async function stillThere({ ctx, call, bucket }: Exchange, keys: readonly string[]): Promise<ReadonlySet<string>> {
  const known = keys.filter((key) => !key.includes('\0'))
  if (known.length === 0) return new Set()
  const found = await ctx.database.rowsAsService<{ name: string }>(
    call,
    rows('select name from storage.objects where bucket_id = $1 and name = any ($2::text[])', [bucket, known]),
  )
  return new Set(found.map(({ name }) => name))
}
