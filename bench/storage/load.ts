// Requests for one URL on many sockets, each as soon as the one before is answered, for a time. Run in a process of its own.
import { connect } from 'node:net'
import type { Uploads } from './uploads.ts'

export interface Load {
  readonly port: number
  readonly path: string
  readonly connections: number
  readonly ms: number
}

export interface Served {
  readonly perSecond: number
  readonly megabytesPerSecond: number
}

export async function load({ port, path, connections, ms }: Load): Promise<Served> {
  const request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: */*\r\nUser-Agent: bench\r\n\r\n`)
  const began = performance.now()
  const end = began + ms
  let answered = 0
  let bytes = 0
  const one = () =>
    new Promise<void>((resolve, reject) => {
      let left = 0
      const socket = connect(port, '127.0.0.1', () => socket.write(request))
      socket.setNoDelay(true)
      socket.on('error', reject)
      socket.on('close', () => reject(new Error('the connection was closed')))
      socket.on('data', (chunk) => {
        bytes += chunk.length
        if (left === 0) {
          const head = chunk.indexOf('\r\n\r\n')
          const text = chunk.toString('latin1', 0, head)
          const length = /content-length: (\d+)/i.exec(text)
          if (head < 0 || !length || !text.startsWith('HTTP/1.1 200')) return reject(new Error(`unexpected answer: ${text.slice(0, 200)}`))
          left = head + 4 + Number(length[1])
        }
        left -= chunk.length
        if (left > 0) return
        answered++
        if (performance.now() < end) return void socket.write(request)
        socket.removeAllListeners('close')
        socket.end(resolve)
      })
    })
  await Promise.all(Array.from({ length: connections }, one))
  const seconds = (performance.now() - began) / 1_000
  return { perSecond: answered / seconds, megabytesPerSecond: bytes / 1e6 / seconds }
}

/** In the process that was forked for it: answers each message with what was served, or how fast what was sent was taken. */
export function serveLoad(upload: (wanted: Uploads) => Promise<number>): void {
  process.on('message', (asked: { load?: Load; upload?: Uploads }) => {
    const work: Promise<Served | number> = asked.load ? load(asked.load) : upload(asked.upload!)
    work.then(
      (value) => process.send!({ value }),
      (error: Error) => process.send!({ error: error.message }),
    )
  })
  process.on('disconnect', () => process.exit())
}
