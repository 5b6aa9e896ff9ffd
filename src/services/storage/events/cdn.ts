// The cache of a CDN in front, told by CDN_PURGE_ENDPOINT_URL what it has to forget.
import { request } from 'undici'
import type { StorageContext } from '../context.ts'
import { errors } from '../errors.ts'

const LIMIT_MS = 10_000

/** One object, one bucket, or everything; of pictures the transformed ones alone. */
export interface Purge {
  readonly bucket?: string
  readonly name?: string
  readonly transformations: boolean
}

/** Throws MissingParameter where no CDN is configured, and InternalError where it does not do it. */
export async function purge({ env, config }: StorageContext, { bucket, name, transformations }: Purge): Promise<void> {
  const { CDN_PURGE_ENDPOINT_URL: endpoint, CDN_PURGE_ENDPOINT_KEY: key } = env
  if (endpoint === undefined) throw errors.missingParameter('CDN_PURGE_ENDPOINT_URL is not set')
  const url = new URL(endpoint)
  url.pathname = `${url.pathname.replace(/\/$/, '')}/purge`
  const kind = name !== undefined ? 'object' : bucket !== undefined ? 'bucket' : 'tenant'
  try {
    const { statusCode, body } = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key !== undefined && { authorization: `Bearer ${key}` }) },
      body: JSON.stringify({
        type: transformations ? `${kind}-transforms` : kind,
        tenant: { ref: config.tenantId },
        ...(bucket !== undefined && { bucketId: bucket }),
        ...(name !== undefined && { objectName: name }),
      }),
      signal: AbortSignal.timeout(LIMIT_MS),
    })
    await body.dump()
    if (statusCode < 200 || statusCode >= 300) throw new Error(`the CDN answered ${statusCode}`)
  } catch (error) {
    throw errors.internal(error, 'Error purging cache')
  }
}
