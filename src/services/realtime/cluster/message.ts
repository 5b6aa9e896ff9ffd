// What instances tell each other: a head of JSON, a line feed, and the bytes that it is about.

export interface BroadcastHead {
  readonly kind: 'text' | 'json' | 'binary'
  readonly topic: string
  readonly private: boolean
  readonly event: string
}

/** One tracker of an instance; without a key it has gone. */
export interface PresenceHead {
  readonly kind: 'presence'
  readonly topic: string
  readonly private: boolean
  readonly tracker: string
  readonly key?: string
  readonly ref?: string
}

/** Everything that is tracked at an instance; the body is an array of presence heads with payloads. */
export interface StateHead {
  readonly kind: 'state'
}

/** The instance lives, and has so many users. `hello`: it asks for everybody's state. `bye`: it ends. */
export interface LifeHead {
  readonly kind: 'beat' | 'hello' | 'bye'
  readonly users: number
}

export type Head = { readonly from: string } & (BroadcastHead | PresenceHead | StateHead | LifeHead)

export function writeMessage(head: Head, body: string | Buffer = ''): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), typeof body === 'string' ? Buffer.from(body) : body])
}

/** Undefined for what no instance wrote. */
export function readMessage(message: Buffer): { head: Head; body: Buffer } | undefined {
  const end = message.indexOf(10)
  if (end < 0) return undefined
  try {
    const head: unknown = JSON.parse(message.toString('utf8', 0, end))
    if (typeof head !== 'object' || head === null || typeof (head as Head).from !== 'string') return undefined
    return { head: head as Head, body: message.subarray(end + 1) }
  } catch {
    return undefined // somebody else uses the channel: nothing of ours is lost
  }
}
