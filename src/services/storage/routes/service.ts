// What is asked of the service itself: whether it runs, which version it is, and its numbers.
import type { FastifyInstance } from 'fastify'
import type { StorageContext } from '../context.ts'
import { rows } from '../database/sql.ts'
import { callOf, requireCaller } from './call.ts'

export function serviceRoutes(app: FastifyInstance, ctx: StorageContext): void {
  app.get('/status', (_request, reply) => reply.code(200).send())
  app.get('/version', (_request, reply) => reply.type('text/plain; charset=utf-8').send(ctx.config.version))
  app.get('/health', async (request, reply) => {
    const caller = await requireCaller(ctx, request)
    const call = callOf(request, caller, 'storage.healthcheck')
    const healthy = await ctx.database.rowsAsService(call, rows('select id from storage.buckets limit 1')).then(
      () => true,
      () => false,
    )
    return reply.send({ healthy })
  })
  const { page } = ctx.metrics
  if (page !== undefined)
    app.get('/metrics', (request, reply) => {
      reply.hijack()
      page(request.raw, reply.raw)
    })
}
