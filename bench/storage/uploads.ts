// Uploads of one large body on some connections, and what they are measured against: a bare Node server that pipes to disk and flushes.
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

export interface Uploads {
  readonly port: number
  /** `{n}` stands for the number of the connection. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: number
  readonly connections: number
  /** Of each connection, one after the other. */
  readonly each: number
}

/** Megabytes a second. */
export async function upload({ port, path, headers, bytes, connections, each }: Uploads): Promise<number> {
  const piece = Buffer.alloc(1_000_000, 'u')
  const one = (number: number) =>
    new Promise<void>((resolve, reject) => {
      const req = request(
        {
          host: '127.0.0.1',
          port,
          method: 'PUT',
          path: path.replace('{n}', String(number)),
          headers: { ...headers, 'content-length': bytes },
        },
        (res) => {
          if (res.statusCode !== 200) return reject(new Error(`an upload was answered ${res.statusCode}`))
          res.resume().on('end', resolve)
        },
      )
      req.on('error', reject)
      let left = bytes
      const more = () => {
        while (left > 0) {
          const next = left < piece.length ? piece.subarray(0, left) : piece
          left -= next.length
          if (!req.write(next)) return
        }
        req.end()
        left = -1
      }
      req.on('drain', () => left >= 0 && more())
      more()
    })
  const began = performance.now()
  const lane = async (number: number) => {
    for (let at = 0; at < each; at++) await one(number)
  }
  await Promise.all(Array.from({ length: connections }, (_, number) => lane(number)))
  return (bytes * connections * each) / 1e6 / ((performance.now() - began) / 1_000)
}

/** Answers when the bytes are on the disk; tells its port to the parent. */
export function serveBare(folder: string): void {
  const server = createServer(async (req, res) => {
    const path = join(folder, (req.url ?? '').replaceAll('/', ''))
    // A new file each time, as a version of an object is.
    await rm(path, { force: true })
    await pipeline(req, createWriteStream(path, { flush: true }))
    res.end()
  })
  server.listen(0, '127.0.0.1', () => process.send!({ port: (server.address() as { port: number }).port }))
  process.on('disconnect', () => process.exit())
}
