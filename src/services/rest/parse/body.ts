// Gathers a request's body in one buffer that grows with what comes, within a limit for each and one for all of a service together.
import type { IncomingMessage } from 'node:http'
import { totalmem } from 'node:os'
import { Cancelled } from '../../../pg/executor.ts'
import { RestError } from '../errors.ts'

/** A parameter of Postgres can be 1 GiB at most, and JSON text of more than half of it could not be expanded there. */
const MAX_BODY_BYTES = 512 * 1024 * 1024
/** A client that sends nothing for this long has given up, or never meant to. */
const IDLE_MS = 60_000
const SMALLEST_BUFFER = 65_536
const EMPTY = Buffer.alloc(0)

/** What all bodies together may hold of the memory: a quarter of the machine's, or of the container's. */
export class BodyMemory {
  readonly limit: number
  #used = 0

  constructor(limit = Math.floor(Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY) / 4)) {
    this.limit = limit
  }

  get used(): number {
    return this.#used
  }

  lease(): BodyLease {
    let held = 0
    return {
      take: (bytes) => {
        if (this.#used + bytes > this.limit) return false
        this.#used += bytes
        held += bytes
        return true
      },
      release: () => {
        this.#used -= held
        held = 0
      },
    }
  }
}

/** One request's part of the memory. */
export interface BodyLease {
  take(bytes: number): boolean
  release(): void
}

export interface BodyLimits {
  readonly maxBytes?: number
  readonly idleMs?: number
}

/**
 * Rejects when the client goes away or falls silent before the end, with PGRST102 when the body is too large, and with PGRSTX01 when there
 * are too many of them at once. What was announced is not believed: memory is taken as bytes come.
 */
export function readBody(
  req: IncomingMessage,
  lease: BodyLease,
  { maxBytes = MAX_BODY_BYTES, idleMs = IDLE_MS }: BodyLimits = {},
): Promise<Buffer> {
  const announced = Number(req.headers['content-length'] ?? Number.NaN)
  if (announced === 0) {
    req.resume()
    return Promise.resolve(EMPTY)
  }
  return new Promise((resolve, reject) => {
    if (req.destroyed) return reject(new Cancelled())
    let buffer: Buffer | undefined
    let size = 0
    const idle = setTimeout(() => {
      refuse(new Cancelled())
      req.destroy()
    }, idleMs)
    const onData = (chunk: Buffer) => {
      idle.refresh()
      if (size + chunk.length > maxBytes) return refuse(new RestError('PGRST102', { words: 'The request body is too large' }))
      if (!lease.take(chunk.length)) return refuse(new RestError('PGRSTX01'))
      // Most bodies come in one piece, which is then taken as it is.
      if (buffer === undefined) buffer = chunk
      else {
        if (size + chunk.length > buffer.length) buffer = grown(buffer, size, size + chunk.length, announced)
        chunk.copy(buffer, size)
      }
      size += chunk.length
    }
    const onEnd = () => {
      stop()
      resolve(buffer === undefined ? EMPTY : buffer.length === size ? buffer : buffer.subarray(0, size))
    }
    const onGone = () => refuse(new Cancelled())
    const stop = () => {
      clearTimeout(idle)
      req.off('data', onData)
      req.off('end', onEnd)
      req.off('aborted', onGone)
    }
    const refuse = (error: Error) => {
      stop()
      buffer = undefined
      lease.release()
      reject(error)
    }
    req.on('data', onData)
    req.on('end', onEnd)
    req.on('aborted', onGone)
    // Also after the end: without a listener the error of a socket would end the process.
    req.on('error', onGone)
  })
}

/** A larger copy: four times the size, so that copies cost a third of the bytes, but no more than was announced. */
function grown(buffer: Buffer, size: number, needed: number, announced: number): Buffer {
  const wanted = Math.max(needed, size * 4, SMALLEST_BUFFER)
  const next = Buffer.allocUnsafeSlow(announced >= needed ? Math.min(wanted, announced) : wanted)
  buffer.copy(next, 0, 0, size)
  return next
}
