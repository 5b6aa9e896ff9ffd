// Resumable uploads: /upload/resumable for callers, /upload/resumable/sign for whoever holds a signed token.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { StorageContext } from '../context.ts'
import { callOf } from '../routes/call.ts'
import { openTusServer } from './server.ts'

const BASE = '/upload/resumable'
const OPERATIONS: Readonly<Record<string, string>> = {
  POST: 'storage.tus.upload.create',
  PUT: 'storage.tus.upload.part',
  PATCH: 'storage.tus.upload.part',
  HEAD: 'storage.tus.upload.get',
  DELETE: 'storage.tus.upload.delete',
  OPTIONS: 'storage.tus.options',
}

export function tusRoutes(app: FastifyInstance, ctx: StorageContext): void {
  const server = openTusServer(ctx)
  app.addHook('onClose', () => server.close())

  const handle = (signed: boolean) => async (request: FastifyRequest, reply: FastifyReply) => {
    const open = signed || request.method === 'OPTIONS'
    // Its refusals are the only ones that are JSON here.
    const caller = open ? ctx.tokens.service : await ctx.tokens.caller(request.headers.authorization ?? '')
    const operation = `${OPERATIONS[request.method]}${signed ? '_signed' : ''}`
    reply.hijack()
    await server.handle(request.raw, reply.raw, { call: callOf(request, caller, operation), signed })
    return reply
  }
  for (const [signed, base] of [
    [true, `${BASE}/sign`],
    [false, BASE],
  ] as const) {
    app.route({ method: ['POST', 'OPTIONS'], url: base, handler: handle(signed) })
    app.route({ method: ['POST', 'PUT', 'PATCH', 'HEAD', 'DELETE', 'OPTIONS'], url: `${base}/*`, handler: handle(signed) })
  }
}
