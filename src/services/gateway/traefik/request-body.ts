// Bodies that a middleware needs whole: read within a bound; one that is longer goes on as a stream with what was read before it.
import { BodyError } from '../read-ahead.ts'
import type { Flight } from './flight.ts'

export const TOO_LARGE = Symbol('too large')

/** What a middleware reads at most where its configuration names no limit. */
export const NO_LIMIT = 512 * 1024 * 1024

/** The whole body, kept in the flight. Rejects with BodyError when the client goes before its end. */
export function readBody(flight: Flight, maxBytes: number): Promise<Buffer | typeof TOO_LARGE> {
  const { req } = flight
  if (flight.body !== undefined) return Promise.resolve(flight.body.length > maxBytes ? TOO_LARGE : flight.body)
  if (!flight.hasBody) return Promise.resolve(Buffer.alloc(0))
  const declared = req.headers['content-length']
  if (declared !== undefined && Number(declared) > maxBytes) return Promise.resolve(TOO_LARGE)
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
      if (bytes <= maxBytes) return
      settle(() => {
        req.pause()
        req.unshift(Buffer.concat(pieces))
        resolve(TOO_LARGE)
      })
    }
    const end = () =>
      settle(() => {
        flight.body = Buffer.concat(pieces)
        resolve(flight.body)
      })
    const fail = () => settle(() => reject(new BodyError('the request body ended early')))
    req.on('data', read).on('end', end).on('error', fail).on('close', fail)
  })
}
