// SMTP servers that misbehave: one that refuses every recipient, one that never says a word.

import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'

export interface BadSmtp extends AsyncDisposable {
  readonly port: number
  /** How many connections it has had. */
  readonly connections: () => number
}

/** Answers 550 to every recipient. */
export const refusingSmtp = (): Promise<BadSmtp> =>
  listen((socket) => {
    socket.write('220 fake ESMTP\r\n')
    socket.setEncoding('utf8')
    socket.on('data', (text) => {
      for (const line of String(text).split('\r\n').filter(Boolean)) {
        if (/^RCPT/i.test(line)) socket.write('550 no such person\r\n')
        else if (/^QUIT/i.test(line)) socket.end('221 bye\r\n')
        else socket.write('250 ok\r\n')
      }
    })
  })

/** Accepts connections and says nothing. */
export const silentSmtp = (): Promise<BadSmtp> => listen(() => undefined)

async function listen(greet: (socket: Socket) => void): Promise<BadSmtp> {
  const sockets = new Set<Socket>()
  let connections = 0
  const server: Server = createServer((socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    greet(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
