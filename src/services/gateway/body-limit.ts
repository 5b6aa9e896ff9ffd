// The bound on request bodies (KONG_CLIENT_MAX_BODY_SIZE), for announced lengths and for bodies that come in pieces.
import type { IncomingMessage } from 'node:http'

/** False when the announced length is over the limit. A body without one is cut off, with its connection, where it passes the limit. */
export function limitBody(req: IncomingMessage, maxBytes: number): boolean {
  const length = req.headers['content-length']
  if (length !== undefined) return Number(length) <= maxBytes
  if (req.headers['transfer-encoding'] === undefined) return true
  const push = req.push
  let bytes = 0
  // Counts what the parser delivers without becoming a reader of the body.
  req.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (Buffer.isBuffer(chunk)) bytes += chunk.length
    if (bytes <= maxBytes) return push.call(req, chunk, encoding)
    req.destroy()
    return false
  }
  return true
}
