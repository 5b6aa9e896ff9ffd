// The load: keep-alive HTTP/1.1 on raw sockets, one request at a time on each, in a process of its own. Cheap, so that it takes little
// of the machine that the server runs on. Run as a child: the plan comes as JSON in the arguments, the outcome goes to stdout as JSON.
import { connect } from 'node:net'

export interface LoadPlan {
  readonly host: string
  readonly port: number
  /** Whole requests, taken in turn. */
  readonly requests: readonly string[]
  readonly connections: number
  readonly warmupMs: number
  readonly measureMs: number
}

export interface LoadOutcome {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly errors: number
  readonly requests: number
}

const END_OF_HEAD = Buffer.from('\r\n\r\n')

export async function runLoad(plan: LoadPlan): Promise<LoadOutcome> {
  const requests = plan.requests.map((text) => Buffer.from(text))
  const latencies: number[] = []
  const began = performance.now()
  const from = began + plan.warmupMs
  const until = from + plan.measureMs
  let next = 0
  let errors = 0
  await Promise.all(
    Array.from(
      { length: plan.connections },
      () =>
        new Promise<void>((resolve, reject) => {
          const socket = connect({
            host: plan.host,
            port: plan.port,
            noDelay: true,
            // One buffer for all reads: the less the load costs, the more of the machine is the server's.
            onread: {
              buffer: Buffer.allocUnsafe(16_384),
              callback: (size, buffer) => {
                receive((buffer as Buffer).subarray(0, size))
                return true
              },
            },
          })
          let sentAt = 0
          let missing = 0
          let head = Buffer.alloc(0)
          const send = () => {
            sentAt = performance.now()
            if (sentAt >= until) {
              socket.destroy()
              resolve()
              return
            }
            socket.write(requests[next++ % requests.length]!)
          }
          const finish = () => {
            const now = performance.now()
            if (sentAt >= from && now < until) latencies.push(now - sentAt)
            send()
          }
          socket.on('connect', send)
          socket.on('error', reject)
          socket.on('close', () => resolve())
          const receive = (chunk: Buffer) => {
            if (missing > 0) {
              missing -= chunk.length
              if (missing === 0) finish()
              return
            }
            const bytes = head.length === 0 ? chunk : Buffer.concat([head, chunk])
            const at = bytes.indexOf(END_OF_HEAD)
            if (at < 0) {
              head = Buffer.from(bytes)
              return
            }
            head = Buffer.alloc(0)
            const text = bytes.toString('latin1', 0, at)
            if (text.charCodeAt(9) !== 0x32) errors++
            const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0)
            missing = at + 4 + length - bytes.length
            if (missing === 0) finish()
          }
        }),
    ),
  )
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
  return { perSecond: latencies.length / (plan.measureMs / 1_000), p50: at(0.5), p99: at(0.99), errors, requests: next }
}
