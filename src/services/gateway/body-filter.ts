// Bodies of answers on their way through plugins. Installed on a response only where a plugin asks for it; all others stream past.
import type { ServerResponse } from 'node:http'

export interface BodyFilter {
  /** What goes on instead of the piece; undefined when nothing does yet. */
  write(piece: Buffer): Buffer | undefined
  /** What is still to go. Not called when the answer breaks off. */
  end(): Buffer | undefined
}

/** Gathers the body and changes it whole. A body over `maxBytes` passes as it is. */
export function wholeBody(maxBytes: number, change: (body: Buffer) => Buffer): BodyFilter {
  let pieces: Buffer[] | undefined = []
  let bytes = 0
  return {
    write(piece) {
      if (!pieces) return piece
      pieces.push(piece)
      bytes += piece.length
      if (bytes <= maxBytes) return undefined
      const all = Buffer.concat(pieces)
      pieces = undefined
      return all
    },
    end: () => (pieces ? change(Buffer.concat(pieces)) : undefined),
  }
}

type Done = (error?: Error | null) => void

/**
 * From now on what is written to the response passes the filters that `filtersOf` gives; it is asked once, when the head is written.
 * `bodiless`: the filters see the end, and nothing of theirs is sent.
 */
export function filterBody(
  res: ServerResponse,
  filtersOf: () => { filters: readonly BodyFilter[]; bodiless: boolean },
  onBug: (error: unknown) => void,
): void {
  const { write, end } = res
  /** Undefined after a filter that failed: the connection ends there, and whoever writes goes on undisturbed. */
  const guarded = <T>(run: () => T): T | undefined => {
    try {
      return run()
    } catch (error) {
      onBug(error)
      res.destroy()
      return undefined
    }
  }
  const through = (filters: readonly BodyFilter[], piece: Buffer | undefined): Buffer | undefined => {
    let at = piece
    for (const filter of filters) {
      if (at === undefined || at.length === 0) return undefined
      at = filter.write(at)
    }
    return at
  }
  const last = (filters: readonly BodyFilter[], piece: Buffer | undefined): Buffer => {
    const out: Buffer[] = []
    const add = (bytes: Buffer | undefined) => void (bytes && bytes.length > 0 && out.push(bytes))
    add(through(filters, piece))
    for (const [i, filter] of filters.entries()) add(through(filters.slice(i + 1), filter.end()))
    return Buffer.concat(out)
  }
  const forceHead = (): void => {
    if (!res.headersSent) res.writeHead(res.statusCode)
  }
  res.write = function filtered(chunk: unknown, encoding?: BufferEncoding | Done, callback?: Done) {
    forceHead()
    const done = typeof encoding === 'function' ? encoding : callback
    const out = guarded(() => {
      const { filters, bodiless } = filtersOf()
      return bodiless ? undefined : through(filters, bytesOf(chunk, encoding))
    })
    if (out !== undefined && out.length > 0) return write.call(res, out, 'utf8', done as Done)
    if (done) process.nextTick(done)
    return true
  } as ServerResponse['write']
  res.end = function filtered(chunk?: unknown, encoding?: BufferEncoding | Done, callback?: Done) {
    const done = [chunk, encoding, callback].find((given) => typeof given === 'function') as Done | undefined
    const piece = typeof chunk === 'function' || chunk === undefined || chunk === null ? undefined : bytesOf(chunk, encoding)
    // As Node does for a body that is given whole.
    if (!res.headersSent && !res.hasHeader('content-length') && !res.hasHeader('transfer-encoding'))
      res.setHeader('Content-Length', String(piece?.length ?? 0))
    forceHead()
    res.write = write
    res.end = end
    const out = guarded(() => {
      const { filters, bodiless } = filtersOf()
      const rest = last(filters, bodiless ? undefined : piece)
      return bodiless || rest.length === 0 ? undefined : rest
    })
    return end.call(res, out, 'utf8', done)
  } as ServerResponse['end']
}

function bytesOf(chunk: unknown, encoding: BufferEncoding | Done | undefined): Buffer {
  if (typeof chunk === 'string') return Buffer.from(chunk, typeof encoding === 'string' ? encoding : 'utf8')
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk as Uint8Array)
}
