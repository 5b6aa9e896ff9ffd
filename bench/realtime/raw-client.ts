// A WebSocket client that costs next to nothing: it counts frames by their headers and looks into none unless asked to.
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'

export interface RawClient {
  readonly socket: Socket
  /** Text frames that have come. */
  frames: number
  /** Given each text frame's payload while it is set. */
  onText: ((text: string) => void) | undefined
  onFrame: (() => void) | undefined
  send(text: string): void
}

/** Resolves when the handshake is through. */
export function openRawClient(port: number, path: string): Promise<RawClient> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    socket.on('error', reject)
    let open = false
    let rest: Buffer = Buffer.alloc(0)
    const client: RawClient = {
      socket,
      frames: 0,
      onText: undefined,
      onFrame: undefined,
      send: (text) => socket.write(masked(Buffer.from(text))),
    }
    socket.on('connect', () =>
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: realtime-dev:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
      ),
    )
    socket.on('close', () => reject(new Error('the server closed the connection')))
    socket.on('data', (chunk: Buffer) => {
      let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      if (!open) {
        const end = bytes.indexOf('\r\n\r\n')
        if (end < 0) {
          rest = bytes
          return
        }
        if (!bytes.subarray(0, 12).equals(Buffer.from('HTTP/1.1 101'))) return reject(new Error(bytes.toString().slice(0, 300)))
        open = true
        bytes = bytes.subarray(end + 4)
        resolve(client)
      }
      let at = 0
      for (;;) {
        if (bytes.length - at < 2) break
        let length = bytes[at + 1]! & 127
        let header = 2
        if (length === 126) {
          if (bytes.length - at < 4) break
          length = bytes.readUInt16BE(at + 2)
          header = 4
        } else if (length === 127) {
          if (bytes.length - at < 10) break
          length = bytes.readUInt32BE(at + 6)
          header = 10
        }
        if (bytes.length - at < header + length) break
        if ((bytes[at]! & 15) === 1) {
          client.frames++
          client.onFrame?.()
          client.onText?.(bytes.toString('utf8', at + header, at + header + length))
        }
        at += header + length
      }
      rest = at === bytes.length ? Buffer.alloc(0) : bytes.subarray(at)
    })
  })
}

const MASK = Buffer.from([1, 2, 3, 4])

function masked(payload: Buffer): Buffer {
  const { length } = payload
  const header = length < 126 ? Buffer.from([0x81, 0x80 | length]) : Buffer.from([0x81, 0x80 | 126, length >> 8, length & 255])
  const body = Buffer.allocUnsafe(length)
  for (let i = 0; i < length; i++) body[i] = payload[i]! ^ MASK[i & 3]!
  return Buffer.concat([header, MASK, body])
}
