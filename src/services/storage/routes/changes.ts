// Moving, copying, deleting.
import type { FastifyInstance } from 'fastify'
import type { StorageContext } from '../context.ts'
import { errors } from '../errors.ts'
import { copy } from '../objects/copy.ts'
import { move } from '../objects/move.ts'
import { pathOf } from '../objects/names.ts'
import { iso, type ObjectRow } from '../objects/object.ts'
import { removeMany, removeOne } from '../objects/remove.ts'
import { flag, list, readShape, record, text } from '../wire/shape.ts'
import { callOf, requireCaller } from './call.ts'
import { bucketOf, metadataHeader, objectPath, wantsUpsert } from './path.ts'

/** Of one request, where REQUEST_HARD_LIMITS_ENABLED says so. */
const MOST = 1_000

const moveBody = record({ bucketId: text, sourceKey: text, destinationKey: text, destinationBucket: text.optional() })
const copyBody = moveBody.extend({
  metadata: record({ cacheControl: text.optional(), mimetype: text.optional() }).optional(),
  copyMetadata: flag.default(true),
})
const deleteBody = record({ prefixes: list(text, { min: 1 }) })

export function changeRoutes(app: FastifyInstance, ctx: StorageContext): void {
  app.post('/object/move', async (request) => {
    const body = readShape('body', moveBody, request.body)
    const call = callOf(request, await requireCaller(ctx, request), 'storage.object.move')
    const row = await move(ctx, call, {
      from: { bucket: body.bucketId, name: body.sourceKey },
      to: { bucket: body.destinationBucket || body.bucketId, name: body.destinationKey },
    })
    return { message: 'Successfully moved', Id: row.id, Key: row.name }
  })

  app.post('/object/copy', async (request) => {
    const body = readShape('body', copyBody, request.body)
    const call = callOf(request, await requireCaller(ctx, request), 'storage.object.copy')
    const { row } = await copy(ctx, call, {
      from: { bucket: body.bucketId, name: body.sourceKey },
      to: { bucket: body.destinationBucket || body.bucketId, name: body.destinationKey },
      upsert: wantsUpsert(request),
      copyMetadata: body.copyMetadata,
      metadata: body.metadata,
      userMetadata: metadataHeader(request),
    })
    return { Id: row.id, Key: pathOf(row.bucket_id, row.name), ...shown(row) }
  })

  app.delete('/object/:bucket/*', async (request) => {
    const call = callOf(request, await requireCaller(ctx, request), 'storage.object.delete')
    const { bucket, name } = objectPath(request)
    await removeOne(ctx, call, bucket, name)
    return { message: 'Successfully deleted' }
  })

  app.delete('/object/:bucket', async (request) => {
    const { prefixes } = readShape('body', deleteBody, request.body)
    if (ctx.config.hardLimits && prefixes.length > MOST)
      throw errors.invalidRequest(`Bulk object requests are limited to ${MOST} objects per request.`)
    const call = callOf(request, await requireCaller(ctx, request), 'storage.object.delete_many')
    return (await removeMany(ctx, call, bucketOf(request), prefixes)).map(shown)
  })
}

const shown = (row: ObjectRow) => ({
  ...row,
  created_at: iso(row.created_at),
  updated_at: iso(row.updated_at),
  last_accessed_at: iso(row.last_accessed_at),
})
