// Pictures in another size or format: for everybody, for a caller, for whoever holds a signature that fixes how.
import { pipeline } from 'node:stream/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { StorageContext } from '../context.ts'
import { errors } from '../errors.ts'
import { objectAs, objectForService, publicObject } from '../objects/find.ts'
import { factsOf, type ObjectRow, versionOf } from '../objects/object.ts'
import { callOf, requireCaller } from '../routes/call.ts'
import { header, objectPath } from '../routes/path.ts'
import { dispositionOf } from '../routes/send.ts'
import { openDownload } from '../sign/signed-url.ts'
import { readShape, record, text } from '../wire/shape.ts'
import { drop, Imgproxy } from './imgproxy.ts'
import { optionsOf, readTransform, type Transform, transformOfSigned } from './transform.ts'

const tokenQuery = record({ token: text })

/** Routes exist only where image transformation is on. */
export function renderRoutes(app: FastifyInstance, ctx: StorageContext): void {
  if (!ctx.config.images.enabled) return
  const imgproxy = new Imgproxy(ctx)
  app.addHook('onClose', () => imgproxy.close())

  app.get('/render/image/public/:bucket/*', async (request, reply) => {
    const transform = readTransform('querystring', request.query)
    const { bucket, name } = objectPath(request)
    const row = await publicObject(ctx, callOf(request, ctx.tokens.service, 'storage.render.image_public'), bucket, name)
    return send(request, reply, row, transform)
  })

  app.get('/render/image/authenticated/:bucket/*', async (request, reply) => {
    const transform = readTransform('querystring', request.query)
    const { bucket, name } = objectPath(request)
    const call = callOf(request, await requireCaller(ctx, request), 'storage.render.image_authenticated')
    return send(request, reply, await objectAs(ctx, call, bucket, name), transform)
  })

  app.get('/render/image/sign/:bucket/*', async (request, reply) => {
    const { token } = readShape('querystring', tokenQuery, request.query)
    const { bucket, name } = objectPath(request)
    const { exp, transformations } = await openDownload(ctx, token, `${bucket}/${name}`)
    const row = await objectForService(ctx, callOf(request, ctx.tokens.service, 'storage.render.image_sign'), bucket, name)
    const transform = typeof transformations === 'string' ? transformOfSigned(transformations) : {}
    return send(request, reply, row, transform, typeof exp === 'number' ? exp : undefined)
  })

  async function send(
    request: FastifyRequest,
    reply: FastifyReply,
    row: ObjectRow,
    transform: Transform,
    expires?: number,
  ): Promise<FastifyReply> {
    const { backend, config } = ctx
    const { raw } = reply
    const gone = new AbortController()
    raw.once('close', () => gone.abort(new Error('the client is gone')))
    const of = versionOf(row)
    const [source, facts] = await Promise.all([backend.addressFor(of), factsOf(row) ?? backend.head(of)])
    const options = optionsOf(transform, config)
    const accept = transform.format === 'origin' ? undefined : header(request, 'accept')
    const picture = await imgproxy.render(options, source, accept, gone.signal)
    const headers: Record<string, string> = { etag: facts.etag, 'x-robots-tag': row.metadata?.xRobotsTag ?? 'none' }
    for (const name of PASSED_ON) {
      const value = picture.headers[name]
      if (value !== undefined) headers[name] = String(value)
    }
    if (options.length > 0) headers['x-transformations'] = options.join(',')
    if (expires === undefined) headers['cache-control'] = facts.cacheControl
    else headers['expires'] = new Date(expires * 1_000).toUTCString()
    const disposition = dispositionOf(request)
    if (disposition !== undefined) headers['content-disposition'] = disposition
    try {
      raw.writeHead(200, headers)
    } catch (error) {
      drop(picture.body)
      throw errors.invalidRequest((error as Error).message, 'invalid_header_char')
    }
    reply.hijack()
    await pipeline(picture.body, raw).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') ctx.log.warn({ err: error, request_id: request.id }, 'a picture was cut off')
      raw.destroy()
    })
    return reply
  }
}

/** What imgproxy says of the picture; all else is said of the object. `vary` where the format is the browser's choice. */
const PASSED_ON = ['content-type', 'content-length', 'last-modified', 'content-security-policy', 'vary'] as const
