// Bucket and name of a path, and headers that stand once.
import type { FastifyRequest } from 'fastify'
import { errors } from '../errors.ts'
import { isBucketName } from '../objects/names.ts'

export interface ObjectPath {
  readonly bucket: string
  readonly name: string
}

/** Throws InvalidBucketName. */
export function objectPath(request: FastifyRequest): ObjectPath {
  const { bucket = '', '*': name = '' } = request.params as { bucket?: string; '*'?: string }
  if (!isBucketName(bucket)) throw errors.invalidBucketName(bucket)
  return { bucket, name }
}

/** Of a path that names a bucket alone. */
export const bucketOf = (request: FastifyRequest): string => (request.params as { bucket?: string }).bucket ?? ''

export function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** `x-metadata`: JSON in base64. What cannot be read is none. */
export function metadataHeader(request: FastifyRequest): Readonly<Record<string, unknown>> | undefined {
  const value = header(request, 'x-metadata')
  return value === undefined ? undefined : jsonObject(Buffer.from(value, 'base64').toString())
}

/** User metadata in JSON. What cannot be read is none. */
export function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

export const wantsUpsert = (request: FastifyRequest): boolean => header(request, 'x-upsert') === 'true'
