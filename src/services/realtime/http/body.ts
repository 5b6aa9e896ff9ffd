// Reading the body of a request, up to a bound.
import type { IncomingMessage } from 'node:http'

export class BodyTooLarge extends Error {
  constructor() {
    super('the body is too large')
    this.name = 'BodyTooLarge'
  }
}

/** Rejects with BodyTooLarge; what comes after the bound is read and dropped, so that the answer gets through. */
export function readBody(req: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    let length = 0
    req.on('data', (part: Buffer) => {
      length += part.length
      if (length <= maxBytes) parts.push(part)
      else parts.length = 0
    })
    req.on('end', () => (length <= maxBytes ? resolve(Buffer.concat(parts)) : reject(new BodyTooLarge())))
    req.on('error', reject)
    req.on('close', () => {
      if (!req.complete) reject(new Error('the client went away'))
    })
  })
}
