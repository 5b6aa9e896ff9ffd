// Bytes on their way out: headers as upstream writes them, the body with back-pressure, and an end of everything when the client leaves.
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { StorageContext } from '../context.ts'
import { type Conditions, type Downloaded, download } from '../objects/download.ts'
import type { ObjectRow } from '../objects/object.ts'
import { sandboxOf, servedType } from '../objects/served-type.ts'
import { header } from './path.ts'

export interface SendOptions {
  /** Seconds of the epoch: a signed URL ends then, and says so instead of Cache-Control. */
  readonly expires?: number
}

export async function sendObject(
  ctx: StorageContext,
  request: FastifyRequest,
  reply: FastifyReply,
  find: () => Promise<ObjectRow>,
  options: SendOptions = {},
): Promise<FastifyReply> {
  const conditions: Conditions = {
    range: header(request, 'range'),
    ifNoneMatch: header(request, 'if-none-match'),
    ifModifiedSince: header(request, 'if-modified-since'),
  }
  const found = await download(ctx, find, conditions)
  const headers = headersOf(found, request, ctx, options)
  const { raw } = reply
  const body = found.status === 304 ? undefined : found.body
  try {
    raw.writeHead(found.status, headers)
  } catch (error) {
    if (body instanceof Readable) body.destroy()
    throw error
  }
  reply.hijack()
  if (!(body instanceof Readable)) {
    raw.end(body)
    return reply
  }
  // Whoever leaves in the middle ends it, and so does a file that ends too early: the connection is closed then.
  await pipeline(body, raw).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') ctx.log.warn({ err: error, request_id: request.id }, 'a download was cut off')
    raw.destroy()
  })
  return reply
}

function headersOf(
  found: Downloaded,
  request: FastifyRequest,
  { config }: StorageContext,
  { expires }: SendOptions,
): Record<string, string> {
  const { facts, row } = found
  const type = servedType(facts.contentType)
  const headers: Record<string, string> = {
    'accept-ranges': 'bytes',
    'content-type': type,
    ...sandboxOf(type),
    etag: facts.etag,
    'last-modified': facts.lastModified.toUTCString(),
    'x-robots-tag': row.metadata?.xRobotsTag ?? 'none',
  }
  if (expires !== undefined) headers['expires'] = new Date(expires * 1_000).toUTCString()
  else headers['cache-control'] = cacheControl(facts, header(request, 'if-none-match'), config.sharedMaxAge, 'stale-while-revalidate=30')
  const disposition = dispositionOf(request)
  if (disposition !== undefined) headers['content-disposition'] = disposition
  if (found.status === 304) return headers
  headers['content-length'] = String(found.length)
  if (found.range !== undefined) headers['content-range'] = `bytes ${found.range.start}-${found.range.end}/${facts.size}`
  return headers
}

/** Whoever asks with a tag that is out of date is a cache: it is told how long it may go on with what it has. */
export function cacheControl(
  { cacheControl: stored, etag }: { cacheControl: string; etag: string },
  ifNoneMatch: string | undefined,
  sharedMaxAge: number,
  hint: string,
): string {
  if (ifNoneMatch === undefined || ifNoneMatch === etag) return stored
  return [stored, ...(sharedMaxAge > 0 ? [`s-maxage=${sharedMaxAge}`] : []), hint].join(', ')
}

/** `?download`, `?download=name`. */
export function dispositionOf(request: FastifyRequest): string | undefined {
  const { download: asked } = request.query as { download?: string | string[] }
  const name = Array.isArray(asked) ? asked[0] : asked
  if (name === undefined) return undefined
  if (name === '') return 'attachment;'
  const encoded = encodeURIComponent(name)
  return `attachment; filename=${encoded}; filename*=UTF-8''${encoded}`
}
