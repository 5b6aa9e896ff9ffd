// What the service sends, in both versions of Phoenix' protocol.
import type { Ref, UserBroadcast, Version } from './client-frame.ts'
import { binaryFrame, textFrame, type WireFrame } from './wire.ts'

const USER_BROADCAST = 4
/** Lengths of texts in binary frames are single bytes. */
const MAX_FIELD_BYTES = 255

/** `payload` is JSON text. */
export function encode(version: Version, joinRef: Ref, ref: Ref, topic: string, event: string, payload: string): WireFrame {
  return textFrame(
    version === 2
      ? `[${JSON.stringify(joinRef)},${JSON.stringify(ref)},${JSON.stringify(topic)},${JSON.stringify(event)},${payload}]`
      : `{"topic":${JSON.stringify(topic)},"event":${JSON.stringify(event)},"payload":${payload},"ref":${JSON.stringify(ref)}}`,
  )
}

/** One message for many: each version's frame is made when the first socket of that version gets it. */
export interface Fanout {
  /** Undefined: this version cannot say it. */
  frame(version: Version): WireFrame | undefined
}

const MISSING = Symbol('missing')

abstract class Lazy implements Fanout {
  #one: WireFrame | undefined | typeof MISSING = MISSING
  #two: WireFrame | undefined | typeof MISSING = MISSING

  frame(version: Version): WireFrame | undefined {
    if (version === 1) {
      if (this.#one === MISSING) this.#one = this.make(1)
      return this.#one
    }
    if (this.#two === MISSING) this.#two = this.make(2)
    return this.#two
  }

  protected abstract make(version: Version): WireFrame | undefined
}

/** A message in text form, to everybody on a topic. */
export class TextFanout extends Lazy {
  readonly #topic: string
  readonly #event: string
  readonly #payload: string

  constructor(topic: string, event: string, payload: string) {
    super()
    this.#topic = topic
    this.#event = event
    this.#payload = payload
  }

  protected make(version: Version): WireFrame {
    return encode(version, null, null, this.#topic, this.#event, this.#payload)
  }
}

/** A user broadcast: kind 4 for version 2, an object for version 1, which cannot carry bytes. `meta` is JSON text. */
export class UserFanout extends Lazy {
  readonly #topic: string
  readonly #user: UserBroadcast
  readonly #meta: string | undefined

  constructor(topic: string, user: UserBroadcast, meta?: string) {
    super()
    this.#topic = topic
    this.#user = user
    this.#meta = meta
  }

  protected make(version: Version): WireFrame | undefined {
    const { event, json, data } = this.#user
    if (version === 1) return json ? inText(1, this.#topic, event, data, this.#meta) : undefined
    return userBroadcastFrame(this.#topic, this.#user, this.#meta)
  }
}

/** Kind 4; what does not fit its lengths goes as text, or not at all where it is bytes. */
export function userBroadcastFrame(topic: string, { event, json, data }: UserBroadcast, meta = ''): WireFrame | undefined {
  const texts = [topic, event, meta].map((text) => Buffer.from(text))
  if (texts.some(({ length }) => length > MAX_FIELD_BYTES)) return json ? inText(2, topic, event, data, meta || undefined) : undefined
  return binaryFrame([Buffer.from([USER_BROADCAST, ...texts.map(({ length }) => length), json ? 1 : 0]), ...texts, data])
}

/** Nothing, where what should be JSON is not: in text form it would break the frame. */
function inText(version: Version, topic: string, event: string, data: Buffer, meta: string | undefined): WireFrame | undefined {
  const payload = data.toString()
  try {
    JSON.parse(payload)
  } catch {
    return undefined
  }
  return encode(version, null, null, topic, 'broadcast', broadcastPayload(event, payload, meta))
}

/** The payload of a broadcast in text form. `payload` and `meta` are JSON text. */
export const broadcastPayload = (event: string, payload: string, meta?: string): string =>
  `{"event":${JSON.stringify(event)},"payload":${payload},"type":"broadcast"${meta === undefined ? '' : `,"meta":${meta}`}}`
