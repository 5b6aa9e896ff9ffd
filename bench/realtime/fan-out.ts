// One sender to many sockets on one topic: how many messages a second arrive everywhere, and how late they are.
import { openRawClient, type RawClient } from './raw-client.ts'

export interface FanOutLoad {
  readonly port: number
  readonly path: string
  /** The frame that joins a socket to the topic; none for a server that has no topics. */
  readonly join?: string
  /** The frame that is sent on and on; the sender gets it too. */
  readonly message: string
  readonly sockets: number
  readonly measureMs: number
  /** Messages a second; as many as arrive, without it. */
  readonly rate?: number
}

export interface FanOutOutcome {
  /** Sent messages that have arrived at every socket, a second. */
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
}

/** Messages that may be under way to the sockets. */
const WINDOW = 16
const OPEN_AT_ONCE = 50

export async function fanOut(load: FanOutLoad): Promise<FanOutOutcome> {
  const clients: RawClient[] = []
  while (clients.length < load.sockets) {
    const wanted = Math.min(OPEN_AT_ONCE, load.sockets - clients.length)
    clients.push(...(await Promise.all(Array.from({ length: wanted }, () => joined(load)))))
  }
  const sender = clients[0]!
  const sentAt: number[] = []
  const late: number[] = []
  let received = 0
  for (const client of clients) {
    client.frames = 0
    client.onFrame = () => {
      received++
      // A sample of the sockets is enough.
      if (client.socket.localPort! % 10 === 0) late.push(performance.now() - sentAt[client.frames - 1]!)
    }
  }
  const send = () => {
    sentAt.push(performance.now())
    sender.send(load.message)
  }
  const settled = async () => {
    while (received < sentAt.length * clients.length) await new Promise((resolve) => setTimeout(resolve, 2))
  }
  for (let i = 0; i < WINDOW; i++) send()
  await settled()
  late.length = 0
  const [sentBefore, receivedBefore] = [sentAt.length, received]
  const began = performance.now()
  const until = began + load.measureMs
  if (load.rate === undefined) {
    while (performance.now() < until) {
      while (sentAt.length * clients.length - received < WINDOW * clients.length) send()
      await new Promise((resolve) => setImmediate(resolve))
    }
  } else {
    while (performance.now() < until) {
      const due = ((performance.now() - began) / 1_000) * load.rate
      while (sentAt.length - sentBefore < due) send()
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
  const took = (performance.now() - began) / 1_000
  const perSecond = (received - receivedBefore) / clients.length / took
  await settled()
  for (const client of clients) client.socket.removeAllListeners('close').destroy()
  late.sort((a, b) => a - b)
  const at = (part: number) => late[Math.min(late.length - 1, Math.floor(part * late.length))] ?? Number.NaN
  return { perSecond, p50: at(0.5), p99: at(0.99) }
}

async function joined({ port, path, join }: Pick<FanOutLoad, 'port' | 'path' | 'join'>): Promise<RawClient> {
  const client = await openRawClient(port, path)
  if (join === undefined) return client
  const answer = new Promise<string>((resolve) => {
    client.onText = resolve
  })
  client.send(join)
  const text = await answer
  if (!text.includes('"status":"ok"')) throw new Error(text)
  client.onText = undefined
  return client
}

/** Sockets that join a topic of their own each and stay; resolves when all have. */
export async function idle(load: { readonly port: number; readonly path: string; readonly sockets: number }): Promise<void> {
  for (let at = 0; at < load.sockets; at += OPEN_AT_ONCE)
    await Promise.all(
      Array.from({ length: Math.min(OPEN_AT_ONCE, load.sockets - at) }, (_, i) =>
        joined({ ...load, join: JSON.stringify(['1', '1', `realtime:idle-${at + i}`, 'phx_join', { config: {} }]) }),
      ),
    )
}
