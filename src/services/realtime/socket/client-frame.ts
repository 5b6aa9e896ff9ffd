// What a client sends, in both versions of Phoenix' protocol, as one type. A frame that cannot be read is an error here and nothing to the socket.
import { cut, elementSpan, lastElementSpan, memberSpan } from './json-spans.ts'

export type Version = 1 | 2

/** Strings and numbers come back as they were sent. */
export type Ref = string | number | null

export interface ClientFrame {
  readonly joinRef: Ref
  readonly ref: Ref
  readonly topic: string
  readonly event: string
  /** Undefined where `user` stands for it. */
  readonly payload: unknown
  /** The payload as it was written. */
  readonly payloadText: string
  /** A user broadcast in binary form: kind 3. */
  readonly user?: UserBroadcast
}

export interface UserBroadcast {
  readonly event: string
  readonly json: boolean
  readonly data: Buffer
}

export class MalformedFrame extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'MalformedFrame'
  }
}

/** Kind 0 is Phoenix' own push of bytes, which no channel here takes. */
const USER_BROADCAST_PUSH = 3

export function readText(text: string, version: Version): ClientFrame {
  const parsed = parse(text)
  return version === 1 ? fromObject(parsed, text) : fromArray(parsed, text)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new MalformedFrame('not JSON')
  }
}

function fromArray(parsed: unknown, text: string): ClientFrame {
  if (!Array.isArray(parsed) || parsed.length < 5) throw new MalformedFrame('not an array of five')
  const [joinRef, ref, topic, event, payload] = parsed as unknown[]
  const span = parsed.length === 5 ? lastElementSpan(text, 4) : elementSpan(text, 4)
  return { joinRef: refOf(joinRef), ref: refOf(ref), ...named(topic, event), payload, payloadText: cut(text, span) ?? 'null' }
}

function fromObject(parsed: unknown, text: string): ClientFrame {
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new MalformedFrame('not an object')
  const given = parsed as Record<string, unknown>
  for (const key of ['topic', 'event', 'payload', 'ref']) if (!Object.hasOwn(given, key)) throw new MalformedFrame(`without ${key}`)
  return {
    joinRef: refOf(Object.hasOwn(given, 'join_ref') ? given['join_ref'] : null),
    ref: refOf(given['ref']),
    ...named(given['topic'], given['event']),
    payload: given['payload'],
    payloadText: cut(text, memberSpan(text, 'payload')) ?? 'null',
  }
}

function refOf(value: unknown): Ref {
  if (value === null || value === undefined) return null
  if (typeof value === 'string' || typeof value === 'number') return value
  throw new MalformedFrame('a ref that is neither text nor a number')
}

function named(topic: unknown, event: unknown): { topic: string; event: string } {
  if (typeof topic !== 'string' || typeof event !== 'string') throw new MalformedFrame('a topic or an event that is no text')
  return { topic, event }
}

export function readBinary(bytes: Buffer): ClientFrame {
  switch (bytes[0]) {
    case USER_BROADCAST_PUSH: {
      const [[joinRef, ref, topic, event, metadata], data] = fields(bytes, 5, 1)
      // Read and checked, and for nobody: upstream forwards none of it either.
      if (metadata !== '') parse(metadata!)
      const json = bytes[6] !== 0
      return {
        joinRef: joinRef || null,
        ref: ref || null,
        topic: topic!,
        event: 'broadcast',
        payload: undefined,
        payloadText: 'null',
        user: { event: event!, json, data },
      }
    }
    default:
      throw new MalformedFrame('a binary frame of an unknown kind')
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** `count` lengths of a byte each behind the kind, `extra` bytes, the fields, and what is left. */
function fields(bytes: Buffer, count: number, extra: number): [string[], Buffer] {
  let at = 1 + count + extra
  if (bytes.length < at) throw new MalformedFrame('a binary frame that ends early')
  const texts: string[] = []
  for (let i = 0; i < count; i++) {
    const end = at + bytes[1 + i]!
    if (bytes.length < end) throw new MalformedFrame('a binary frame that ends early')
    try {
      texts.push(utf8.decode(bytes.subarray(at, end)))
    } catch {
      throw new MalformedFrame('a binary frame whose text is no UTF-8')
    }
    at = end
  }
  return [texts, bytes.subarray(at)]
}
