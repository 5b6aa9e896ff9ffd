// What the gateway holds beside requests a second: a gigabyte through it in either direction, the first byte of a streamed answer, many
// WebSockets that say nothing.
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import WebSocket from 'ws'
import { KEY, streamFile } from './config.ts'
import type { Running } from './nginx.ts'
import { forgetPeak, median, megabytes, startGateway } from './processes.ts'

const PIECE = Buffer.alloc(256 * 1024, 'x')

/** Megabytes a second of an answer of this length. */
function down(port: number, bytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const began = performance.now()
    let left = -1
    const socket = connect({
      host: '127.0.0.1',
      port,
      onread: {
        buffer: Buffer.allocUnsafe(256 * 1024),
        callback: (size, buffer) => {
          if (left < 0) {
            const end = (buffer as Buffer).indexOf('\r\n\r\n')
            left = bytes - (size - end - 4)
          } else left -= size
          if (left === 0) {
            socket.destroy()
            resolve(bytes / 1e6 / ((performance.now() - began) / 1e3))
          }
          return true
        },
      },
    })
    socket.on('error', reject)
    socket.on('close', () => (left > 0 ? reject(new Error(`the answer ended ${left} bytes early`)) : undefined))
    socket.write(`GET /x/down/${bytes} HTTP/1.1\r\nHost: bench\r\napikey: ${KEY}\r\n\r\n`)
  })
}

/** Megabytes a second of a body of this length. */
function up(port: number, bytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const began = performance.now()
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.on('error', reject)
    socket.on('data', (piece) => {
      answer += piece.toString('latin1')
      if (!answer.endsWith(`\r\n\r\n${bytes}`)) return
      socket.destroy()
      resolve(bytes / 1e6 / ((performance.now() - began) / 1e3))
    })
    socket.on('close', () => reject(new Error(`the body was not taken: ${answer.slice(0, 200)}`)))
    socket.write(`POST /x/up HTTP/1.1\r\nHost: bench\r\napikey: ${KEY}\r\nContent-Length: ${bytes}\r\n\r\n`)
    let left = bytes
    const send = () => {
      while (left > 0) {
        const piece = left < PIECE.length ? PIECE.subarray(0, left) : PIECE
        left -= piece.length
        if (!socket.write(piece)) {
          socket.once('drain', send)
          return
        }
      }
    }
    send()
  })
}

export async function streams(
  service: Running,
  nginx: Running,
  rounds: number,
  bytes: number,
  keep: (running: Running) => Running,
): Promise<void> {
  const gateway = keep(await startGateway(streamFile(service.port)))
  for (const [name, run] of [
    ['down', down],
    ['up', up],
  ] as const) {
    const rates = { nginx: [] as number[], gateway: [] as number[] }
    await run(gateway.port, 1e6)
    const idle = megabytes('VmRSS', gateway.pid)
    forgetPeak(gateway.pid)
    for (let round = 0; round < rounds; round++) {
      rates.nginx.push(await run(nginx.port, bytes))
      rates.gateway.push(await run(gateway.port, bytes))
    }
    const [theirs, ours] = [median(rates.nginx), median(rates.gateway)]
    const peak = megabytes('VmHWM', gateway.pid) - idle
    console.log(
      `${`${bytes / 1e9} GB ${name}`.padEnd(34)} nginx ${theirs.toFixed(0)} MB/s, gateway ${ours.toFixed(0)} MB/s: ${(ours / theirs).toFixed(2)}; memory +${peak.toFixed(0)} MB`,
    )
  }
}

/** From the service's first byte to its arrival at the client: both ends are here, so that one clock measures. */
export async function firstByte(times: number, keep: (running: Running) => Running): Promise<void> {
  let written = 0
  const service = createServer((_, res) => {
    // No length: the answer streams.
    res.writeHead(200, { 'Content-Type': 'text/event-stream' })
    written = performance.now()
    res.write('data: first\n\n')
    setTimeout(() => res.end('data: last\n\n'), 20)
  })
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
  const gateway = keep(await startGateway(streamFile((service.address() as AddressInfo).port)))
  const lags: number[] = []
  for (let i = 0; i < times; i++)
    lags.push(
      await new Promise<number>((resolve, reject) => {
        request({ host: '127.0.0.1', port: gateway.port, path: '/x/', headers: { apikey: KEY } }, (answer) => {
          let lag: number | undefined
          answer.on('data', () => {
            lag ??= performance.now() - written
          })
          answer.on('end', () => resolve(lag ?? Number.NaN))
        })
          .on('error', reject)
          .end()
      }),
    )
  lags.sort((a, b) => a - b)
  const at = (share: number) => (lags[Math.floor(lags.length * share)] ?? Number.NaN).toFixed(1)
  console.log(`${'first byte after the service’s'.padEnd(34)} p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, p99 ${at(0.99)} ms`)
  service.closeAllConnections()
  await new Promise((resolve) => service.close(resolve))
}

export async function websockets(service: Running, count: number, keep: (running: Running) => Running): Promise<void> {
  const gateway = keep(await startGateway(streamFile(service.port)))
  const idle = megabytes('VmRSS', gateway.pid)
  const open: WebSocket[] = []
  for (let i = 0; i < count; i += 100)
    open.push(
      ...(await Promise.all(
        Array.from(
          { length: Math.min(100, count - i) },
          () =>
            new Promise<WebSocket>((resolve, reject) => {
              const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/x/`, { headers: { apikey: KEY }, perMessageDeflate: false })
              socket.once('open', () => resolve(socket))
              socket.once('error', reject)
            }),
        ),
      )),
    )
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  const held = megabytes('VmRSS', gateway.pid)
  console.log(`${`${count} idle WebSockets`.padEnd(34)} ${held.toFixed(0)} MB in all, +${(held - idle).toFixed(0)} MB over idle`)
  for (const socket of open) socket.terminate()
}
