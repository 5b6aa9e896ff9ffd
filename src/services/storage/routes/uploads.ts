// Uploads whose bytes come with the request: as the body itself, or as a file of a form; by a caller, or by whoever holds a signature.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { bucketForService } from '../buckets/bucket.ts'
import type { Call } from '../caller/caller.ts'
import type { StorageContext } from '../context.ts'
import { errors } from '../errors.ts'
import { checkMimeType, sizeLimit } from '../objects/limits.ts'
import { mustBeValidKey, pathOf } from '../objects/names.ts'
import { checkRobotsTag } from '../objects/robots-tag.ts'
import { type Completed, upload } from '../objects/upload.ts'
import { openUpload } from '../sign/signed-url.ts'
import { readShape, record, text } from '../wire/shape.ts'
import { callOf, requireCaller } from './call.ts'
import { readForm } from './form.ts'
import { header, jsonObject, metadataHeader, type ObjectPath, objectPath, wantsUpsert } from './path.ts'

const tokenQuery = record({ token: text })
const CONTENT_TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+ *(?:;[^\t,]*)?$/

export function uploadRoutes(app: FastifyInstance, ctx: StorageContext): void {
  const keyed = async (request: FastifyRequest, operation: string, upsert: boolean) => {
    const call = callOf(request, await requireCaller(ctx, request), operation)
    const path = objectPath(request)
    const { row } = await receive(ctx, request, call, path, { upsert, owner: call.caller.owner })
    return { Id: row.id, Key: pathOf(path.bucket, path.name) }
  }
  app.post('/object/:bucket/*', (request) => keyed(request, 'storage.object.upload', wantsUpsert(request)))
  app.put('/object/:bucket/*', (request) => keyed(request, 'storage.object.upload_update', true))

  app.put('/object/upload/sign/:bucket/*', async (request) => {
    const { token } = readShape('querystring', tokenQuery, request.query)
    const path = objectPath(request)
    const { owner, upsert } = await openUpload(ctx, token, pathOf(path.bucket, path.name))
    const call = callOf(request, ctx.tokens.service, 'storage.object.upload_signed')
    await receive(ctx, request, call, path, { upsert, owner })
    return { Key: pathOf(path.bucket, path.name) }
  })
}

async function receive(
  ctx: StorageContext,
  request: FastifyRequest,
  call: Call,
  { bucket: id, name }: ObjectPath,
  { upsert, owner }: { upsert: boolean; owner: string | undefined },
): Promise<Completed> {
  const type = header(request, 'content-type')
  if (type !== undefined && !CONTENT_TYPE.test(type)) throw errors.invalidContentType()
  const bucket = await bucketForService(ctx, call, id)
  const xRobotsTag = header(request, 'x-robots-tag')
  if (xRobotsTag !== undefined) checkRobotsTag(xRobotsTag)
  const maxSize = sizeLimit(ctx.config, bucket, name, 'standard')
  const announced = header(request, 'content-length')
  const contentLength = announced === undefined ? undefined : Number(announced)
  const common = { bucket: id, name, upsert, owner, contentLength, maxSize, xRobotsTag, uploadType: 'standard' } as const
  const left = leaving(request)
  try {
    if (type?.toLowerCase().startsWith('multipart/form-data')) {
      const form = await readForm(request.raw)
      try {
        const contentType = form.fields.get('contentType') || form.type
        checkMimeType(bucket, name, contentType)
        mustBeValidKey(name)
        const cacheTime = form.fields.get('cacheControl')
        const metadata = form.fields.get('metadata') ?? form.fields.get('userMetadata')
        return await upload(
          ctx,
          call,
          {
            ...common,
            body: form.body,
            contentType,
            mimetype: contentType,
            cacheControl: cacheTime ? `max-age=${cacheTime}` : 'no-cache',
            userMetadata: metadata === undefined ? metadataHeader(request) : jsonObject(metadata),
          },
          left.signal,
        )
      } catch (error) {
        form.body.destroy()
        throw error
      }
    }
    const contentType = type ?? 'application/octet-stream'
    checkMimeType(bucket, name, contentType)
    if (contentLength !== undefined && contentLength > maxSize) throw errors.entityTooLarge()
    mustBeValidKey(name)
    return await upload(
      ctx,
      call,
      {
        ...common,
        body: request.raw,
        contentType,
        mimetype: contentType,
        cacheControl: header(request, 'cache-control') ?? 'no-cache',
        userMetadata: metadataHeader(request),
        ...(contentLength !== undefined && { size: contentLength }),
      },
      left.signal,
    )
  } finally {
    left.done()
  }
}

/** Aborted when the client leaves before its body is whole. */
function leaving({ raw }: FastifyRequest): { readonly signal: AbortSignal; done(): void } {
  const left = new AbortController()
  const onClose = () => {
    if (!raw.complete) left.abort()
  }
  raw.once('close', onClose)
  return { signal: left.signal, done: () => void raw.off('close', onClose) }
}
