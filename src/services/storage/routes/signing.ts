// URLs that open one object for a time.
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { StorageContext } from '../context.ts'
import { readTransform, signedText } from '../render/transform.ts'
import { signDownload, signDownloads, signUpload } from '../sign/signed-url.ts'
import { integer, list, readShape, record, text } from '../wire/shape.ts'
import { callOf, requireCaller } from './call.ts'
import { bucketOf, objectPath, wantsUpsert } from './path.ts'

const MOST_PATHS = 1_000
const signBody = record({ expiresIn: integer({ min: 1 }), transform: z.unknown().optional() })
const batchBody = record({ expiresIn: integer({ min: 1 }), paths: list(text, { min: 1, max: MOST_PATHS }) })

export function signingRoutes(app: FastifyInstance, ctx: StorageContext): void {
  app.post('/object/sign/:bucket/*', async (request) => {
    const { expiresIn, transform } = readShape('body', signBody, request.body)
    const call = callOf(request, await requireCaller(ctx, request), 'storage.object.sign')
    return { signedURL: await signDownload(ctx, call, { ...objectPath(request), expiresIn, ...signedTransform(ctx, transform) }) }
  })

  app.post('/object/sign/:bucket', async (request) => {
    const { expiresIn, paths } = readShape('body', batchBody, request.body)
    const call = callOf(request, await requireCaller(ctx, request), 'storage.object.sign_many')
    return signDownloads(ctx, call, { bucket: bucketOf(request), paths, expiresIn })
  })

  app.post('/object/upload/sign/:bucket/*', async (request) => {
    const call = callOf(request, await requireCaller(ctx, request), 'storage.object.sign_upload_url')
    return signUpload(ctx, call, { ...objectPath(request), upsert: wantsUpsert(request) })
  })
}

/** Without image transformation it is ignored, as upstream does. */
function signedTransform({ config }: StorageContext, transform: unknown): { transformations?: string; format?: string | undefined } {
  if (!config.images.enabled || transform === undefined || transform === null) return {}
  const read = readTransform('body/transform' as 'body', transform)
  return { transformations: signedText(read, config), format: read.format }
}
