// /object/list and /object/list-v2.
import type { FastifyInstance } from 'fastify'
import type { StorageContext } from '../context.ts'
import { SORT_COLUMNS } from '../list/cursor.ts'
import { LIST_COLUMNS, listV1 } from '../list/list-v1.ts'
import { listV2 } from '../list/list-v2.ts'
import { flag, integer, oneOf, readShape, record, text } from '../wire/shape.ts'
import { callOf, requireCaller } from './call.ts'
import { bucketOf } from './path.ts'

const v1Body = record({
  prefix: text,
  limit: integer({ min: 1 }).default(100),
  offset: integer({ min: 0 }).default(0),
  search: text.default(''),
  sortBy: record({ column: oneOf(...LIST_COLUMNS), order: oneOf('asc', 'desc').optional() }).optional(),
})
const v2Body = record({
  prefix: text.default(''),
  limit: integer({ min: 1 }).default(1_000),
  cursor: text.optional(),
  with_delimiter: flag.default(false),
  sortBy: record({ column: oneOf(...SORT_COLUMNS), order: oneOf('asc', 'desc').optional() }).optional(),
})

export function listRoutes(app: FastifyInstance, ctx: StorageContext): void {
  app.post('/object/list/:bucket', async (request) => {
    const { prefix, limit, offset, search, sortBy } = readShape('body', v1Body, request.body)
    const call = callOf(request, await requireCaller(ctx, request), 'storage.object.list')
    const { column = 'name', order = 'asc' } = sortBy ?? {}
    return listV1(ctx, call, { bucket: bucketOf(request), prefix, limit, offset, search, column, order })
  })
  app.post('/object/list-v2/:bucket', async (request) => {
    const body = readShape('body', v2Body, request.body ?? {})
    const call = callOf(request, await requireCaller(ctx, request), 'storage.object.list_v2')
    return listV2(ctx, call, {
      bucket: bucketOf(request),
      prefix: body.prefix,
      limit: body.limit,
      cursor: body.cursor === '' ? undefined : body.cursor,
      delimited: body.with_delimiter,
      order: body.sortBy?.order,
      column: body.sortBy?.column,
    })
  })
}
