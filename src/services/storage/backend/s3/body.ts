// A body on its way to an S3 server: counted, and ended when it is too long, too short, broken off or no longer wanted.

import type { Readable } from 'node:stream'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { errors, StorageError } from '../../errors.ts'

export interface BodyLimits {
  readonly maxSize: number
  readonly size?: number
}

/**
 * Hands a counted copy of the stream to `send`, with a signal that says when it will get no further: the SDK waits for ever for the rest
 * of a body that has failed. Rejects with the body's own error where it was the body.
 */
export async function sendBody<Result>(
  body: Readable,
  { maxSize, size: announced }: BodyLimits,
  signal: AbortSignal | undefined,
  send: (counted: Readable, failed: AbortSignal) => Promise<Result>,
): Promise<{ result: Result; size: number }> {
  let size = 0
  const counted = new Transform({
    readableHighWaterMark: 262_144,
    transform(chunk: Buffer, _, done) {
      size += chunk.length
      if (size > maxSize) return done(errors.entityTooLarge())
      if (announced !== undefined && size > announced) return done(lengthError(announced, `more than ${announced}`))
      done(null, chunk)
    },
    flush: (done) => done(announced !== undefined && size !== announced ? lengthError(announced, String(size)) : null),
  })
  const failed = new AbortController()
  let cause: unknown
  const abort = () => body.destroy(errors.aborted(signal?.reason))
  if (signal?.aborted) abort()
  signal?.addEventListener('abort', abort, { once: true })
  const pouring = pipeline(body, counted).catch((error: unknown) => {
    cause = error instanceof StorageError ? error : errors.aborted(error)
    failed.abort()
  })
  try {
    const result = await send(counted, failed.signal)
    await pouring
    if (cause !== undefined) throw cause
    return { result, size }
  } catch (error) {
    // Where the server refused, the rest of the body has nowhere to go.
    if (cause === undefined) counted.destroy()
    throw cause ?? error
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

const lengthError = (announced: number, found: string) => errors.invalidRequest(`The body has ${found} bytes, ${announced} were announced`)
