// Errors that only the S3 protocol knows, by the codes of AWS: what clients look at is the code. The rest is Storage's own (../errors.ts).
import { StorageError } from '../errors.ts'

const refusal = (code: string, status: number, message: string, cause?: unknown): StorageError =>
  new StorageError({ code, status, message }, cause === undefined ? undefined : { cause })

export const refusals = {
  accessDenied: (message: string) => new StorageError({ code: 'AccessDenied', status: 403, error: 'Unauthorized', message }),
  /** A session token whose signature does not fit: upstream's other words. */
  sessionSignatureDoesNotMatch: () =>
    refusal(
      'SignatureDoesNotMatch',
      403,
      'The request signature we calculated does not match the signature you provided, Check your credentials. The session token should be a valid JWT token',
    ),
  timeTooSkewed: () => refusal('RequestTimeTooSkewed', 403, 'The difference between the request time and the current time is too large.'),
  badDigest: (what: string) => refusal('BadDigest', 400, `The ${what} you specified did not match what we received.`),
  invalidDigest: (what: string) => refusal('InvalidDigest', 400, `The ${what} you specified is not valid.`),
  contentHashMismatch: () =>
    refusal('XAmzContentSHA256Mismatch', 400, "The provided 'x-amz-content-sha256' header does not match what was computed."),
  incompleteBody: () =>
    refusal('IncompleteBody', 400, 'You did not provide the number of bytes specified by the Content-Length HTTP header.'),
  /** What is not chunked as it is announced to be. */
  malformedChunks: (why: string) => refusal('InvalidRequest', 400, `Malformed aws-chunked body: ${why}`),
  malformedTrailer: (why: string) =>
    refusal('MalformedTrailerError', 400, `The request contained trailing data that was not well-formed: ${why}`),
  invalidPartOrder: () =>
    refusal('InvalidPartOrder', 400, 'The list of parts was not in ascending order. Parts must be ordered by part number.'),
  /** Somebody else is about to finish the same upload. */
  operationAborted: () =>
    refusal('OperationAborted', 409, 'A conflicting conditional operation is currently in progress against this resource. Try again.'),
  notImplemented: (what: string) => refusal('NotImplemented', 501, `${what} is not implemented.`),
} as const
