// The way of a streamed answer to the client. Its head and its first piece leave in one write where both are there in the same turn of the
// event loop, as with most answers: a system call costs more than all that the gateway computes. A head that stands alone goes out at the
// end of that turn, so that nobody waits for a first piece.
import type { ServerResponse } from 'node:http'

// Pieces up to here are joined to the head as text; longer ones go beside it, uncopied.
const JOINED_BYTES = 16 * 1024

export class JoinedAnswer {
  readonly #res: ServerResponse
  #waiting = false
  #held: Buffer | undefined

  constructor(res: ServerResponse) {
    this.#res = res
  }

  head(status: number, lines: string[]): void {
    const res = this.#res
    res.writeHead(status, lines)
    if (status === 204 || status === 304 || res.req.method === 'HEAD') return
    this.#waiting = true
    process.nextTick(flush, this)
  }

  /** False asks to wait for `drain`. */
  write(piece: Buffer): boolean {
    if (this.#waiting) {
      if (this.#held === undefined) {
        this.#held = piece
        return true
      }
      this.flush()
    }
    return this.#res.write(piece)
  }

  end(trailers?: readonly [string, string][]): void {
    const [res, held] = [this.#res, this.#held]
    this.#waiting = false
    this.#held = undefined
    if (trailers && trailers.length > 0) res.addTrailers(trailers)
    if (held === undefined || held.length > JOINED_BYTES) {
      res.end(held)
      return
    }
    const { socket } = res
    const text = held.toString('latin1')
    if (socket === null || res.chunkedEncoding || socket.writableCorked > 0 || res.req.httpVersionMajor > 1) {
      res.end(text, 'latin1')
      return
    }
    // Node would gather the piece with an empty one for the end, which costs a quarter more than to write it alone.
    res.write(text, 'latin1')
    socket.uncork()
    res.end()
  }

  flush(): void {
    if (!this.#waiting) return
    this.#waiting = false
    const [res, held] = [this.#res, this.#held]
    this.#held = undefined
    if (res.destroyed) return
    if (held !== undefined) res.write(held)
    // Over HTTP/1 flushHeaders would write the head as UTF-8 and change what bytes its values have.
    else if (res.req.httpVersionMajor < 2) res.write('', 'latin1')
    else res.flushHeaders()
  }
}

const flush = (answer: JoinedAnswer): void => answer.flush()
