// A stream taken apart into pieces of bounded size, each a stream of its own. Where the source breaks off, what has come until then counts.
import { Readable } from 'node:stream'

export class Pieces {
  readonly #source: AsyncIterator<Buffer>
  #rest: Buffer | undefined
  #ended = false
  /** Why the source broke off. */
  error: unknown

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** Whether there is at least one more byte. */
  async more(): Promise<boolean> {
    while (!this.#ended && this.#rest === undefined) {
      try {
        const { done, value } = await this.#source.next()
        if (done) this.#ended = true
        else if (value.length > 0) this.#rest = value
      } catch (error) {
        this.error = error
        this.#ended = true
      }
    }
    return this.#rest !== undefined
  }

  /** At most `max` bytes, which may be fewer than there are. Undefined at the end. */
  async next(max: number): Promise<Buffer | undefined> {
    if (!(await this.more())) return undefined
    const chunk = this.#rest!
    this.#rest = chunk.length > max ? chunk.subarray(max) : undefined
    return chunk.length > max ? chunk.subarray(0, max) : chunk
  }

  /** The next `max` bytes, or what is left. */
  stream(max: number): Readable {
    const take = async function* (pieces: Pieces): AsyncGenerator<Buffer> {
      for (let left = max; left > 0; ) {
        const chunk = await pieces.next(left)
        if (chunk === undefined) return
        left -= chunk.length
        yield chunk
      }
    }
    return Readable.from(take(this), { objectMode: false })
  }

  async gather(max: number): Promise<Buffer> {
    const chunks: Buffer[] = []
    let left = max
    for (let chunk = await this.next(left); chunk !== undefined; chunk = left > 0 ? await this.next(left) : undefined) {
      chunks.push(chunk)
      left -= chunk.length
    }
    return Buffer.concat(chunks)
  }
}
