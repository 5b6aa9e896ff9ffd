// What an S3 server answers, as Storage says it.
import { S3ServiceException } from '@aws-sdk/client-s3'
import { errors, StorageError } from '../../errors.ts'
import { preconditionFailed } from '../conditions.ts'

const NOT_THERE = new Set(['NoSuchKey', 'NotFound'])

export const isMissing = (error: unknown): boolean => error instanceof S3ServiceException && NOT_THERE.has(error.name)

export function s3Error(error: unknown, resource: string): unknown {
  if (!(error instanceof S3ServiceException)) return error
  if (NOT_THERE.has(error.name)) return errors.noSuchObject(resource, error)
  if (error.name === 'NoSuchUpload') return errors.noSuchUpload(resource, error)
  if (error.name === 'PreconditionFailed') return preconditionFailed(error)
  // Upstream passes on the name of the error and its status, and nothing of the text: that may name the server and its buckets.
  const status = error.$metadata.httpStatusCode ?? 500
  return new StorageError({ code: 'S3Error', status, error: 'S3Error', message: error.name, resource }, { cause: error })
}

/** What the SDK rejects with, translated; StorageErrors of our own streams pass through. */
export async function answered<Result>(sent: Promise<Result>, resource: string): Promise<Result> {
  try {
    return await sent
  } catch (error) {
    throw s3Error(error, resource)
  }
}
