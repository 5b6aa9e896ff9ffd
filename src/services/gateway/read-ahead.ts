// Small request bodies, and the beginning of those of unknown length, are read before a service over the network is contacted, as
// upstream does with whole bodies: a malformed chunk is then refused before anything has reached the service.
import type { IncomingMessage } from 'node:http'
import type { Exchange } from './exchange.ts'

/** nginx keeps 8 KiB in memory and the rest in a file; here longer bodies stream through. */
export const READ_AHEAD_BYTES = 64 * 1024

/** The body did not arrive whole: the client went, or its framing was wrong. */
export class BodyError extends Error {}

/** Whether a message has a body by its framing headers, as Node's parser has checked them. */
export function announcesBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && Number(length) > 0)
}

export function worthWaiting({ req, route, body }: Exchange): boolean {
  if (!route.requestBuffering || body !== undefined || !announcesBody(req)) return false
  const length = req.headers['content-length']
  return length === undefined || Number(length) <= READ_AHEAD_BYTES
}

/** The whole body, or undefined when it is longer: the stream then begins anew with what was read. Rejects with BodyError. */
export function readAhead(req: IncomingMessage): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    let bytes = 0
    const settle = (act: () => void) => {
      req.off('data', read).off('end', end).off('error', fail).off('close', fail)
      act()
    }
    const read = (piece: Buffer) => {
      pieces.push(piece)
      bytes += piece.length
      if (bytes <= READ_AHEAD_BYTES) return
      settle(() => {
        req.pause()
        req.unshift(Buffer.concat(pieces))
        resolve(undefined)
      })
    }
    const end = () => settle(() => resolve(Buffer.concat(pieces)))
    const fail = () => settle(() => reject(new BodyError('the request body ended early')))
    req.on('data', read).on('end', end).on('error', fail).on('close', fail)
  })
}
