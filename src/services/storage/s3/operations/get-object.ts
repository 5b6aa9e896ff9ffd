// GetObject: the bytes, under the headers of the object or those that the client asks for.

import { errors } from '../../errors.ts'
import { download } from '../../objects/download.ts'
import { objectAs } from '../../objects/find.ts'
import { sandboxOf } from '../../objects/served-type.ts'
import type { Operation } from '../exchange.ts'
import { isValidHeaderValue } from '../header-value.ts'
import { checkPreconditions, isUnchanged } from '../preconditions.ts'
import { metadataHeaders } from '../user-metadata.ts'

export const getObject: Operation = {
  name: 'storage.s3.object.get',
  async run({ ctx, call, bucket, key, headers, query, signal }) {
    const overrides = overridesOf(query)
    const find = async () => {
      const row = await objectAs(ctx, call, bucket, key)
      checkPreconditions(headers, row)
      return row
    }
    const row = await find()
    if (isUnchanged(headers, row))
      return { status: 304, headers: { etag: row.metadata?.eTag, 'cache-control': row.metadata?.cacheControl } }
    let first = true
    const again = () => {
      if (!first) return find()
      first = false
      return Promise.resolve(row)
    }
    const found = await download(ctx, again, { range: headers.range }, signal)
    if (found.status === 304) return { status: 304 }
    const { facts, range, length } = found
    return {
      status: found.status,
      headers: {
        'accept-ranges': 'bytes',
        'cache-control': facts.cacheControl,
        'content-length': String(length),
        'content-range': range && `bytes ${range.start}-${range.end}/${facts.size}`,
        'content-type': facts.contentType,
        etag: facts.etag,
        'last-modified': facts.lastModified.toUTCString(),
        ...metadataHeaders(found.row.user_metadata),
        ...overrides,
        ...sandboxOf(overrides['content-type'] ?? facts.contentType),
      },
      body: found.body,
    }
  },
}

const OVERRIDES = ['content-disposition', 'content-type', 'cache-control', 'content-encoding', 'content-language'] as const

/** Signed with the URL: whoever signed it decides how the object is told. */
function overridesOf(query: ReadonlyMap<string, string>): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of OVERRIDES) {
    const value = query.get(`response-${name}`)
    if (value && isValidHeaderValue(value)) headers[name] = value
  }
  const expires = query.get('response-expires')
  if (expires) {
    const time = new Date(expires)
    if (Number.isNaN(time.getTime())) throw errors.invalidParameter('response-expires')
    headers['expires'] = time.toUTCString()
  }
  return headers
}
