// Reading: the bytes, their headers, and what the row says of them; for everybody, for a caller, for whoever holds a signature.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Caller } from '../caller/caller.ts'
import type { StorageContext } from '../context.ts'
import { objectForService, publicObject, readableObject } from '../objects/find.ts'
import { iso, type ObjectRow } from '../objects/object.ts'
import { servedType } from '../objects/served-type.ts'
import { optionsOf, readTransform } from '../render/transform.ts'
import { openDownload } from '../sign/signed-url.ts'
import { readShape, record, text } from '../wire/shape.ts'
import { anyCaller, callOf, requireCaller } from './call.ts'
import { header, objectPath } from './path.ts'
import { cacheControl, sendObject } from './send.ts'

const tokenQuery = record({ token: text })

/** How a route finds the row that its caller may read. */
type Finder = (request: FastifyRequest) => Promise<() => Promise<ObjectRow>>

export function downloadRoutes(app: FastifyInstance, ctx: StorageContext): void {
  const everybody =
    (operation: string): Finder =>
    async (request) => {
      const { bucket, name } = objectPath(request)
      const call = callOf(request, ctx.tokens.service, operation)
      return () => publicObject(ctx, call, bucket, name)
    }
  const found = (request: FastifyRequest, caller: Caller, operation: string) => {
    const { bucket, name } = objectPath(request)
    const call = callOf(request, caller, operation)
    return () => readableObject(ctx, call, bucket, name)
  }
  const authenticated =
    (operation: string): Finder =>
    async (request) =>
      found(request, await requireCaller(ctx, request), operation)
  /** Without a token that holds: what is public. */
  const either =
    (operation: string): Finder =>
    async (request) => {
      const caller = await anyCaller(ctx, request)
      if (caller !== undefined) return found(request, caller, operation)
      return everybody(operation)(request)
    }

  const routes: readonly [path: string, get: Finder, head: Finder][] = [
    ['/object/public/:bucket/*', everybody('storage.object.get_public'), everybody('storage.object.get_public')],
    ['/object/authenticated/:bucket/*', authenticated('storage.object.get_authenticated'), authenticated('object.head_authenticated_info')],
    ['/object/:bucket/*', either('storage.object.get_authenticated'), either('object.head_authenticated_info')],
  ]
  for (const [path, get, head] of routes) {
    app.get(path, async (request, reply) => sendObject(ctx, request, reply, await get(request)))
    app.head(path, async (request, reply) => {
      const changes = changesOf(ctx, request)
      return sendHead(ctx, request, reply, await (await head(request))(), changes)
    })
  }

  const infos: readonly [path: string, find: Finder][] = [
    ['/object/info/public/:bucket/*', everybody('storage.object.info_public')],
    ['/object/info/authenticated/:bucket/*', authenticated('object.get_authenticated_info')],
    ['/object/info/:bucket/*', either('object.get_authenticated_info')],
  ]
  for (const [path, find] of infos)
    app.get(path, async (request, reply) => {
      reply.headers(changesOf(ctx, request))
      return infoOf(await (await find(request))())
    })

  app.get('/object/sign/:bucket/*', async (request, reply) => {
    const { token } = readShape('querystring', tokenQuery, request.query)
    const { bucket, name } = objectPath(request)
    const { exp } = await openDownload(ctx, token, `${bucket}/${name}`)
    const call = callOf(request, ctx.tokens.service, 'storage.object.get_signed')
    const expires = typeof exp === 'number' ? { expires: exp } : {}
    return sendObject(ctx, request, reply, () => objectForService(ctx, call, bucket, name), expires)
  })
}

/** What a picture would be changed to, of routes that give none. Throws InvalidRequest. */
function changesOf({ config }: StorageContext, request: FastifyRequest): { 'x-transformations'?: string } {
  const options = optionsOf(readTransform('querystring', request.query), config)
  return options.length === 0 ? {} : { 'x-transformations': options.join(',') }
}

function sendHead(
  { config }: StorageContext,
  request: FastifyRequest,
  reply: FastifyReply,
  row: ObjectRow,
  changes: { 'x-transformations'?: string },
): FastifyReply {
  const { metadata } = row
  const stored = { cacheControl: metadata?.cacheControl ?? 'no-cache', etag: metadata?.eTag ?? '' }
  const { raw } = reply
  const headers: Record<string, string> = {
    'accept-ranges': 'bytes',
    'content-type': servedType(metadata?.mimetype ?? 'application/octet-stream'),
    'content-length': String(metadata?.size ?? 0),
    etag: stored.etag,
    'last-modified': new Date(metadata?.lastModified ?? row.updated_at).toUTCString(),
    'cache-control': cacheControl(stored, header(request, 'if-none-match'), config.sharedMaxAge, 'must-revalidate'),
    'x-robots-tag': metadata?.xRobotsTag ?? 'none',
    ...changes,
  }
  raw.writeHead(200, headers).end()
  reply.hijack()
  return reply
}

const infoOf = (row: ObjectRow) => ({
  id: row.id,
  name: row.name,
  version: row.version,
  bucket_id: row.bucket_id,
  size: row.metadata?.size ?? null,
  content_type: row.metadata?.mimetype ?? null,
  cache_control: row.metadata?.cacheControl ?? null,
  etag: row.metadata?.eTag ?? null,
  metadata: row.user_metadata ?? {},
  last_modified: iso(row.updated_at),
  created_at: iso(row.created_at),
})
