// Every answer of Storage that is not a success: code, status in the body, `error` and message are upstream's to the letter.
// HTTP says 400 for nearly all of them; the S3 protocol says `status`.

export class StorageError extends Error {
  /** Of upstream: `NoSuchKey`. Goes into the body, and is the code of the S3 protocol. */
  readonly code: string
  /** `statusCode` in the body, and the status of the S3 protocol. */
  readonly status: number
  /** `error` in the body. */
  readonly error: string
  /** The status of HTTP on the REST routes. */
  readonly httpStatus: number
  /** Of what the error speaks (`bucket/name`), for S3's `Resource`. */
  readonly resource: string | undefined
  readonly headers: Readonly<Record<string, string>> | undefined

  constructor(facts: StorageErrorFacts, options?: { cause?: unknown }) {
    super(facts.message, options)
    this.name = 'StorageError'
    this.code = facts.code
    this.status = facts.status
    this.error = facts.error ?? facts.code
    this.httpStatus = facts.httpStatus ?? (facts.status >= 500 && facts.status !== 503 ? facts.status : 400)
    this.resource = facts.resource
    this.headers = facts.headers
  }

  toJSON(): { statusCode: string; code: string; error: string; message: string } {
    return { statusCode: String(this.status), code: this.code, error: this.error, message: this.message }
  }
}

export interface StorageErrorFacts {
  readonly code: string
  readonly status: number
  readonly error?: string
  readonly message: string
  readonly httpStatus?: number
  readonly resource?: string
  readonly headers?: Readonly<Record<string, string>>
}

const make = (facts: StorageErrorFacts, cause?: unknown): StorageError =>
  new StorageError(facts, cause === undefined ? undefined : { cause })

const duplicate = (code: string) => (resource?: string, cause?: unknown) =>
  make({ code, status: 409, error: 'Duplicate', message: 'The resource already exists', ...(resource && { resource }) }, cause)

export const errors = {
  noSuchBucket: (bucket?: string, cause?: unknown) =>
    make(
      { code: 'NoSuchBucket', status: 404, error: 'Bucket not found', message: 'Bucket not found', ...(bucket && { resource: bucket }) },
      cause,
    ),
  noSuchKey: (resource?: string, cause?: unknown) =>
    make({ code: 'NoSuchKey', status: 404, error: 'not_found', message: 'Object not found', ...(resource && { resource }) }, cause),
  /** A row is there, its bytes are not. */
  noSuchObject: (resource?: string, cause?: unknown) =>
    make(
      {
        code: 'NoSuchKey',
        status: 404,
        error: 'Not found',
        message: 'The resource was not found',
        headers: { 'cache-control': 'no-store' },
        ...(resource && { resource }),
      },
      cause,
    ),
  noSuchUpload: (uploadId?: string, cause?: unknown) =>
    make({ code: 'NoSuchUpload', status: 404, message: 'Upload not found', ...(uploadId && { resource: uploadId }) }, cause),
  invalidJwt: (message: string, cause?: unknown) => make({ code: 'InvalidJWT', status: 400, message }, cause),
  accessDenied: (message: string, cause?: unknown) => make({ code: 'AccessDenied', status: 403, error: 'Unauthorized', message }, cause),
  /** A route for the service role alone: here HTTP says what it means. */
  invalidRole: () =>
    make({ code: 'AccessDenied', status: 403, error: 'Unauthorized', message: 'Access denied: Invalid role', httpStatus: 403 }),
  invalidRequest: (message: string, error = 'InvalidRequest') => make({ code: 'InvalidRequest', status: 400, error, message }),
  /** What a schema refuses: `body must have required property 'prefix'`. */
  invalidShape: (message: string) => make({ code: 'InvalidRequest', status: 400, error: 'Error', message }),
  relatedMissing: (cause?: unknown) => make({ code: 'InvalidRequest', status: 404, message: 'The related resource does not exist' }, cause),
  missingParameter: (name: string) => make({ code: 'MissingParameter', status: 400, message: `Missing Required Parameter ${name}` }),
  invalidParameter: (name: string) => make({ code: 'InvalidParameter', status: 400, message: `Invalid Parameter ${name}` }),
  invalidValue: (message: string, cause?: unknown) => make({ code: 'InvalidParameter', status: 400, message }, cause),
  missingContentLength: () =>
    make({ code: 'MissingContentLength', status: 400, message: 'You must provide the Content-Length HTTP header.' }),
  invalidMimeType: (type: string) =>
    make({ code: 'InvalidMimeType', status: 415, error: 'invalid_mime_type', message: `mime type ${type} is not supported` }),
  invalidContentType: () =>
    make({ code: 'InvalidMimeType', status: 415, error: 'invalid_mime_type', message: 'Invalid Content-Type header' }),
  invalidRange: () =>
    make({ code: 'InvalidRange', status: 416, error: 'invalid_range', message: 'invalid range provided', httpStatus: 416 }),
  /** The source range of an S3 copy. */
  invalidCopyRange: () => make({ code: 'InvalidRange', status: 400, error: 'invalid_range', message: 'invalid range provided' }),
  entityTooLarge: (entity = 'object', cause?: unknown) =>
    make(
      { code: 'EntityTooLarge', status: 413, error: 'Payload too large', message: `The ${entity} exceeded the maximum allowed size` },
      cause,
    ),
  invalidBucketName: (bucket?: string) =>
    make({
      code: 'InvalidBucketName',
      status: 400,
      error: 'Invalid Input',
      message: 'Bucket name invalid',
      ...(bucket && { resource: bucket }),
    }),
  invalidKey: (name: string, why = '') =>
    make({ code: 'InvalidKey', status: 400, message: `Invalid key: ${name}${why}`, ...(name && { resource: name }) }),
  keyAlreadyExists: duplicate('KeyAlreadyExists'),
  bucketAlreadyExists: duplicate('BucketAlreadyExists'),
  resourceAlreadyExists: duplicate('ResourceAlreadyExists'),
  bucketNotEmpty: (bucket?: string) =>
    make({
      code: 'ResourceNotEmpty',
      status: 409,
      message: 'The bucket you tried to delete is not empty',
      ...(bucket && { resource: bucket }),
    }),
  resourceReferenced: (message = 'The resource could not be updated or removed due to a foreign key constraint', cause?: unknown) =>
    make({ code: 'ResourceReferenced', status: 409, message }, cause),
  bucketHasUploads: (cause?: unknown) =>
    errors.resourceReferenced('The bucket could not be updated because it is referenced by a pending multipart upload.', cause),
  tooManyToEmpty: () =>
    make({ code: 'InvalidRequest', status: 409, message: 'Unable to empty the bucket because it contains too many objects' }),
  resourceLocked: (cause?: unknown) => make({ code: 'ResourceLocked', status: 423, message: 'The resource is locked' }, cause),
  lockTimeout: (cause?: unknown) =>
    make({ code: 'LockTimeout', status: 503, error: 'acquiring_lock_timeout', message: 'acquiring lock timeout' }, cause),
  invalidSignature: (message = 'Invalid signature') => make({ code: 'InvalidSignature', status: 400, message }),
  expiredToken: () => make({ code: 'ExpiredToken', status: 400, message: 'The provided token has expired.' }),
  signatureDoesNotMatch: () =>
    make({
      code: 'SignatureDoesNotMatch',
      status: 403,
      message: 'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
    }),
  invalidUploadId: (message = 'Invalid upload id') => make({ code: 'InvalidUploadId', status: 400, message }),
  invalidUploadSignature: () => make({ code: 'InvalidUploadSignature', status: 400, message: 'Invalid upload Signature' }),
  invalidChecksum: (message: string) => make({ code: 'InvalidChecksum', status: 400, message }),
  missingPart: (part: number, uploadId: string) =>
    make({ code: 'MissingPart', status: 400, message: `Part ${part} is missing for upload id ${uploadId}` }),
  malformedXml: (why: string) => make({ code: 'MalformedXML', status: 400, message: `Invalid XML payload: ${why}` }),
  tenantNotFound: (message = 'Invalid tenant id') => make({ code: 'TenantNotFound', status: 400, message }),
  featureNotEnabled: (feature: string) =>
    make({ code: 'FeatureNotEnabled', status: 409, message: `The feature ${feature} is not enabled for this resource` }),
  notImplemented: (what: string) => make({ code: 'NotImplemented', status: 501, message: `${what} is not implemented`, httpStatus: 501 }),
  invalidAccessKeyId: () =>
    make({
      code: 'InvalidAccessKeyId',
      status: 403,
      message: 'The Access Key Id you provided does not exist in our records.',
    }),
  slowDown: (message = 'Too many connections issued to the database', cause?: unknown) =>
    make({ code: 'SlowDown', status: 429, error: 'too_many_connections', message, httpStatus: 429 }, cause),
  databaseTimeout: (cause?: unknown) =>
    make({ code: 'DatabaseTimeout', status: 544, message: 'The connection to the database timed out', httpStatus: 544 }, cause),
  databaseReadOnly: (cause?: unknown) =>
    make(
      {
        code: 'DatabaseReadOnly',
        status: 503,
        message: 'The database is currently in read-only mode. Please try again later.',
      },
      cause,
    ),
  transactionAborted: (cause?: unknown) =>
    make({ code: 'DatabaseTransactionAborted', status: 500, message: 'database error, code: 25P02' }, cause),
  invalidObjectDefinition: (cause?: unknown) =>
    make({ code: 'DatabaseInvalidObjectDefinition', status: 503, message: 'The database schema is invalid or incompatible.' }, cause),
  schemaMismatch: (message = 'The database schema is out of sync. Please run migrations or contact support.', cause?: unknown) =>
    make({ code: 'DatabaseSchemaMismatch', status: 503, message }, cause),
  databaseError: (sqlState: string, cause?: unknown) =>
    make({ code: 'DatabaseError', status: 500, message: `database error, code: ${sqlState}` }, cause),
  internal: (cause?: unknown, message = 'Internal Server Error') => make({ code: 'InternalError', status: 500, message }, cause),
  aborted: (cause?: unknown) => make({ code: 'Aborted', status: 500, message: 'The request was aborted', httpStatus: 499 }, cause),
} as const
