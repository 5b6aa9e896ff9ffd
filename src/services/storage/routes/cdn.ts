// /cdn: what a cache in front has to forget. For the service role alone.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { StorageContext } from '../context.ts'
import { type Purge, purge } from '../events/cdn.ts'
import { flag, readShape, record } from '../wire/shape.ts'
import { requireService } from './call.ts'
import { objectPath } from './path.ts'

const query = record({ transformations: flag.default(false) })

export function cdnRoutes(app: FastifyInstance, ctx: StorageContext): void {
  const forget = (of: (request: FastifyRequest) => Omit<Purge, 'transformations'>) => async (request: FastifyRequest) => {
    const { transformations } = readShape('querystring', query, request.query)
    await requireService(ctx, request)
    await purge(ctx, { ...of(request), transformations })
    return { message: 'success', statusCode: '200' }
  }
  app.delete(
    '/cdn',
    forget(() => ({})),
  )
  app.delete(
    '/cdn/:bucket',
    forget((request) => ({ bucket: objectPath(request).bucket })),
  )
  app.delete('/cdn/:bucket/*', forget(objectPath))
}
