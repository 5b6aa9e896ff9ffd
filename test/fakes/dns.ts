// A name server for tests, over TCP: every name has the address 127.0.0.1, and nothing else.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

export interface FakeDns extends AsyncDisposable {
  readonly address: string
}

export async function startDns(): Promise<FakeDns> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy())
    let read = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      read = Buffer.concat([read, chunk])
      while (read.length >= 2 && read.length >= 2 + read.readUInt16BE(0)) {
        const length = read.readUInt16BE(0)
        const answer = answerTo(read.subarray(2, 2 + length))
        read = read.subarray(2 + length)
        socket.write(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 0xff]), answer]))
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}

/** RFC 1035, section 4: the question is repeated, and an A record points back at its name. */
function answerTo(query: Buffer): Buffer {
  const end = query.indexOf(0, 12) + 5
  const isAddress = query.readUInt16BE(end - 4) === 1
  const head = Buffer.from([query[0]!, query[1]!, 0x85, 0x80, 0, 1, 0, isAddress ? 1 : 0, 0, 0, 0, 0])
  const record = isAddress ? Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]) : Buffer.alloc(0)
  return Buffer.concat([head, query.subarray(12, end), record])
}
