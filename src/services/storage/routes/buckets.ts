// /bucket: the buckets themselves.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { type BucketRow, bucketAs } from '../buckets/bucket.ts'
import { createBucket, deleteBucket, emptyBucket, listBuckets, updateBucket } from '../buckets/manage.ts'
import { sizeOf } from '../buckets/size-text.ts'
import type { StorageContext } from '../context.ts'
import { errors } from '../errors.ts'
import { iso } from '../objects/object.ts'
import { flag, integer, list, oneOf, readShape, record, text } from '../wire/shape.ts'
import { callOf, requireCaller, requireService } from './call.ts'

/** A whole number of bytes, or a text with a unit; null takes the limit away. */
const sizeLimit = z
  .preprocess(
    (value) => (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value),
    z.union([z.null(), z.number(), z.string()], { error: () => 'must be integer' }),
  )
  .superRefine((value, ctx) => {
    if (typeof value !== 'number') return
    const problem = !Number.isInteger(value) ? 'must be integer' : value < 0 ? 'must be >= 0' : undefined
    if (problem !== undefined) ctx.addIssue({ code: 'custom', message: problem })
  })
  .optional()
const mimeTypes = z.union([z.null(), list(text)], { error: () => 'must be array' }).optional()

const createBody = record({
  name: text,
  id: text.optional(),
  public: flag.optional(),
  file_size_limit: sizeLimit,
  allowed_mime_types: mimeTypes,
  type: oneOf('STANDARD', 'ANALYTICS').optional(),
})
const updateBody = record({ public: flag.optional(), file_size_limit: sizeLimit, allowed_mime_types: mimeTypes })
const listQuery = record({
  limit: integer({ min: 1 }).optional(),
  offset: integer({ min: 0 }).optional(),
  sortColumn: oneOf('id', 'name', 'created_at', 'updated_at').optional(),
  sortOrder: oneOf('asc', 'desc').optional(),
  search: text.optional(),
})

const idOf = (request: FastifyRequest): string => {
  const { id = '' } = request.params as { id?: string }
  if (id.includes('\0')) throw errors.noSuchBucket()
  return id
}
const bytesOf = (limit: number | string | null | undefined): number | null | undefined =>
  typeof limit === 'string' ? sizeOf(limit) : limit

export function bucketRoutes(app: FastifyInstance, ctx: StorageContext): void {
  app.post('/bucket', async (request) => {
    const body = readShape('body', createBody, request.body)
    const call = callOf(request, await requireCaller(ctx, request), 'storage.bucket.create')
    if (body.type === 'ANALYTICS') throw errors.featureNotEnabled('iceberg_catalog')
    await createBucket(ctx, call, body.id || body.name, body.name, {
      public: body.public,
      fileSizeLimit: bytesOf(body.file_size_limit),
      allowedMimeTypes: body.allowed_mime_types,
    })
    return { name: body.id || body.name }
  })

  app.get('/bucket', async (request) => {
    const query = readShape('querystring', listQuery, request.query)
    const call = callOf(request, await requireCaller(ctx, request), 'storage.bucket.list')
    const { limit, offset, search, sortColumn: column, sortOrder: order } = query
    const found = await listBuckets(ctx, call, { limit, offset, search, column, order })
    const withType = knowsTypes(request)
    return found.map((bucket) => ({ ...shown(bucket), ...(withType && { type: bucket.type }) }))
  })

  app.get('/bucket/:id', async (request) => {
    const call = callOf(request, await requireCaller(ctx, request), 'storage.bucket.get')
    return shown(await bucketAs(ctx, call, idOf(request)))
  })

  app.put('/bucket/:id', async (request) => {
    const body = readShape('body', updateBody, request.body)
    if (Object.values(body).every((value) => value === undefined)) throw errors.invalidShape('body must NOT have fewer than 1 properties')
    const call = callOf(request, await requireCaller(ctx, request), 'storage.bucket.update')
    await updateBucket(ctx, call, idOf(request), {
      public: body.public,
      fileSizeLimit: bytesOf(body.file_size_limit),
      allowedMimeTypes: body.allowed_mime_types,
    })
    return { message: 'Successfully updated' }
  })

  app.delete('/bucket/:id', async (request) => {
    const call = callOf(request, await requireCaller(ctx, request), 'storage.bucket.delete')
    await deleteBucket(ctx, call, idOf(request))
    return { message: 'Successfully deleted' }
  })

  app.post('/bucket/:id/empty', async (request) => {
    const call = callOf(request, await requireService(ctx, request), 'storage.bucket.empty')
    await emptyBucket(ctx, call, idOf(request))
    return { message: 'Empty bucket has been queued. Completion may take up to an hour.' }
  })
}

const shown = ({ id, name, owner, public: open, file_size_limit, allowed_mime_types, created_at, updated_at }: BucketRow) => ({
  id,
  name,
  owner: owner ?? '',
  public: open,
  file_size_limit,
  allowed_mime_types,
  created_at: iso(created_at),
  updated_at: iso(updated_at),
})

/** Old clients for Python fail on a field that they do not know. */
function knowsTypes({ headers }: FastifyRequest): boolean {
  const info = String(headers['x-client-info'] ?? '')
  const agent = String(headers['user-agent'] ?? '')
  const older = (found: RegExpExecArray | null, than: readonly number[]): boolean => {
    if (found === null) return false
    for (const [at, bound] of than.entries()) {
      const part = Number(found[at + 1])
      if (part !== bound) return part < bound
    }
    return false
  }
  return (
    !older(/supabase-py\/(\d+)\.(\d+)\.(\d+)/.exec(info), [2, 18, 0]) &&
    !older(/supabase-py\/storage3 v(\d+)\.(\d+)\.(\d+)/.exec(agent), [0, 12, 1])
  )
}
