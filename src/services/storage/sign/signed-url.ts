// Signed URLs: a token that opens one object for a time, for reading or for one upload, and nothing else.

import type { Claims } from '../../../jwt/verifier.ts'
import type { Call } from '../caller/caller.ts'
import type { StorageContext } from '../context.ts'
import { rows } from '../database/sql.ts'
import { errors } from '../errors.ts'
import { objectAs } from '../objects/find.ts'
import { pathOf } from '../objects/names.ts'
import { tryUpload } from '../objects/upload.ts'

/** Beyond this a time is no whole number any more once it is counted in milliseconds. */
const LAST_SECOND = 9_007_199_254_740

function checkLife(seconds: number): void {
  if (Math.floor(Date.now() / 1_000) + seconds > LAST_SECOND) throw errors.invalidParameter('expiresIn')
}

/** Throws NoSuchKey where the caller may not read the object. `transformations` in storage's own names: `height:60,width:60`. */
export async function signDownload(
  ctx: StorageContext,
  call: Call,
  {
    bucket,
    name,
    expiresIn,
    transformations = '',
    format,
  }: { bucket: string; name: string; expiresIn: number; transformations?: string; format?: string | undefined },
): Promise<string> {
  checkLife(expiresIn)
  await objectAs(ctx, call, bucket, name)
  const path = pathOf(bucket, name)
  const claims = {
    url: path,
    scope: 'download',
    ...(transformations !== '' && { transformations }),
    ...(format !== undefined && { format }),
  }
  const token = ctx.tokens.signUrl(claims, expiresIn)
  return `/${transformations === '' ? 'object' : 'render/image'}/sign/${path}?token=${token}`
}

export interface SignedPath {
  readonly error: string | null
  readonly path: string
  readonly signedURL: string | null
}

/** One answer for each path, in order. */
export async function signDownloads(
  ctx: StorageContext,
  call: Call,
  { bucket, paths, expiresIn }: { bucket: string; paths: readonly string[]; expiresIn: number },
): Promise<SignedPath[]> {
  checkLife(expiresIn)
  const asked = paths.filter((path) => !path.includes('\0'))
  const found = await ctx.database.rowsAs<{ name: string }>(
    call,
    rows('select name from storage.objects where bucket_id = $1 and name = any ($2::text[])', [bucket, asked]),
  )
  const readable = new Set(found.map(({ name }) => name))
  return paths.map((path) => {
    if (!readable.has(path)) return { error: 'Either the object does not exist or you do not have access to it', path, signedURL: null }
    const url = pathOf(bucket, path)
    return { error: null, path, signedURL: `/object/sign/${url}?token=${ctx.tokens.signUrl({ url, scope: 'download' }, expiresIn)}` }
  })
}

/** The right to upload is tried now; whoever holds the token needs none. */
export async function signUpload(
  ctx: StorageContext,
  call: Call,
  { bucket, name, upsert }: { bucket: string; name: string; upsert: boolean },
): Promise<{ url: string; token: string }> {
  await tryUpload(ctx, call, { bucket, name, upsert, mimetype: undefined })
  const path = pathOf(bucket, name)
  const { owner } = call.caller
  const claims = { ...(owner !== undefined && { owner }), url: path, upsert, scope: 'upload' }
  const token = ctx.tokens.signUrl(claims, ctx.config.uploads.signedUrlSeconds)
  return { url: `/object/upload/sign/${path}?token=${token}`, token }
}

/** Throws InvalidJWT, and InvalidSignature for a token of another kind or another object. */
export async function openDownload({ tokens }: StorageContext, token: string, path: string): Promise<Claims> {
  const claims = await tokens.urlClaims(token)
  const { scope } = claims
  // Tokens of older servers have no scope; those for uploads say whether they replace.
  if (scope === undefined ? Object.hasOwn(claims, 'upsert') : scope !== 'download')
    throw errors.invalidSignature('Token is not scoped for download')
  mustBeFor(claims, path)
  return claims
}

export interface UploadToken {
  readonly owner: string | undefined
  readonly upsert: boolean
}

/** Throws InvalidJWT, and InvalidSignature for a token of another kind or another object. */
export async function openUpload({ tokens }: StorageContext, token: string, path: string): Promise<UploadToken> {
  const claims = await tokens.urlClaims(token)
  const { scope, owner, upsert } = claims
  if (scope === undefined ? !Object.hasOwn(claims, 'upsert') : scope !== 'upload')
    throw errors.invalidSignature('Token is not scoped for upload')
  mustBeFor(claims, path)
  return { owner: typeof owner === 'string' && owner !== '' ? owner : undefined, upsert: upsert === true }
}

function mustBeFor({ url }: Claims, path: string): void {
  if (typeof url !== 'string' || (url !== path && decoded(url) !== path)) throw errors.invalidSignature()
}

/** Upstream signs the path as the client wrote it; no valid name holds a percent sign. */
function decoded(url: string): string {
  try {
    return decodeURIComponent(url)
  } catch {
    return url // no escapes then: compared as it is
  }
}
