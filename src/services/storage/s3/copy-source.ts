// `x-amz-copy-source`: from where a copy comes, and on which conditions.
import type { IncomingHttpHeaders } from 'node:http'
import type { CopyConditions } from '../backend/backend.ts'
import { errors } from '../errors.ts'
import { decodeLeniently } from './uri.ts'

export interface CopySource {
  readonly bucket: string
  readonly name: string
}

/** `[/]bucket/key`, escaped or not: no key holds a `%`. A version cannot be named. */
export function copySourceOf(headers: IncomingHttpHeaders): CopySource {
  const given = one(headers['x-amz-copy-source']) ?? ''
  const path = given
    .replace(/\?versionId=[^?]*$/, '')
    .split('/')
    .map(decodeLeniently)
    .join('/')
    .replace(/^\//, '')
  const at = path.indexOf('/')
  const bucket = at < 0 ? path : path.slice(0, at)
  if (bucket === '') throw errors.invalidBucketName('')
  if (at < 0 || at === path.length - 1) throw errors.missingParameter('CopySource')
  return { bucket, name: path.slice(at + 1) }
}

export function copyConditionsOf(headers: IncomingHttpHeaders): CopyConditions {
  return conditionsOf(headers, 'x-amz-copy-source-if-')
}

/** Of a download: the same conditions by their plain names. */
export function conditionsOf(headers: IncomingHttpHeaders, prefix = 'if-'): CopyConditions {
  const ifMatch = one(headers[`${prefix}match`])
  const ifNoneMatch = one(headers[`${prefix}none-match`])
  const ifModifiedSince = timeOf(headers[`${prefix}modified-since`])
  const ifUnmodifiedSince = timeOf(headers[`${prefix}unmodified-since`])
  return {
    ...(ifMatch !== undefined && { ifMatch }),
    ...(ifNoneMatch !== undefined && { ifNoneMatch }),
    ...(ifModifiedSince && { ifModifiedSince }),
    ...(ifUnmodifiedSince && { ifUnmodifiedSince }),
  }
}

/** A time that is none is no condition (RFC 9110). */
function timeOf(header: string | string[] | undefined): Date | undefined {
  const time = Date.parse(one(header) ?? '')
  return Number.isNaN(time) ? undefined : new Date(time)
}

const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value)
