// Gathers a request's body in one buffer, within a limit.
import type { IncomingMessage } from 'node:http'
import { RestError } from '../errors.ts'

/** A parameter of Postgres can be 1 GiB at most, and JSON text of more than half of it could not be expanded there. */
const MAX_BODY_BYTES = 512 * 1024 * 1024
const EMPTY = Buffer.alloc(0)

/** Rejects when the client goes away before the end, or with PGRST102 when the body is too large. */
export function readBody(req: IncomingMessage): Promise<Buffer> {
  const announced = Number(req.headers['content-length'] ?? Number.NaN)
  if (announced === 0) {
    req.resume()
    return Promise.resolve(EMPTY)
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    // A large body is gathered in place, so that its parts need not be held twice.
    const whole = announced > 1_048_576 && announced <= MAX_BODY_BYTES ? Buffer.allocUnsafeSlow(announced) : undefined
    let size = 0
    req.on('data', (chunk: Buffer) => {
      if (size + chunk.length > MAX_BODY_BYTES) {
        req.destroy()
        reject(new RestError('PGRST102', { words: 'The request body is too large' }))
        return
      }
      if (whole !== undefined) chunk.copy(whole, size)
      else chunks.push(chunk)
      size += chunk.length
    })
    req.on('end', () => resolve(whole !== undefined ? whole.subarray(0, size) : chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)))
    req.on('error', reject)
    req.on('aborted', () => reject(new Error('The client went away')))
  })
}
