// A topic of a tenant and who is on it: fan-out by version, and the presence of its members. Public and private topics of one name are two.

import { TopicPresence } from '../presence/presence.ts'
import type { Version } from '../socket/client-frame.ts'
import type { Fanout } from '../socket/server-frame.ts'
import type { Channel } from './channel.ts'

/** Channels by the version of their socket. */
class Audience {
  readonly #one = new Set<Channel>()
  readonly #two = new Set<Channel>()

  get size(): number {
    return this.#one.size + this.#two.size
  }

  of(version: Version): ReadonlySet<Channel> {
    return version === 1 ? this.#one : this.#two
  }

  set(channel: Channel, member: boolean): void {
    const list = channel.connection.version === 1 ? this.#one : this.#two
    if (member) list.add(channel)
    else list.delete(channel)
  }
}

export interface Delivered {
  readonly messages: number
  readonly bytes: number
}

const VERSIONS: readonly Version[] = [1, 2]

export class Topic {
  /** `realtime:` and the name. */
  readonly name: string
  readonly subTopic: string
  readonly private: boolean
  readonly members = new Set<Channel>()
  readonly presence: TopicPresence
  /** Who gets broadcasts, and who gets changes of the presence. On a public topic they are the same people. */
  readonly #hearers = new Audience()
  readonly #watchers: Audience

  constructor(subTopic: string, isPrivate: boolean, onDiff: (topic: Topic, payload: string) => void) {
    this.subTopic = subTopic
    this.name = `realtime:${subTopic}`
    this.private = isPrivate
    this.#watchers = isPrivate ? new Audience() : this.#hearers
    this.presence = new TopicPresence(
      () => this.#watchers.size,
      (payload) => onDiff(this, payload),
    )
  }

  /** Takes the channel in, or changes what it gets. */
  set(channel: Channel, rights: { readonly hears: boolean; readonly watches: boolean }): void {
    this.members.add(channel)
    this.#hearers.set(channel, rights.hears)
    if (this.private) this.#watchers.set(channel, rights.watches)
  }

  remove(channel: Channel): void {
    this.members.delete(channel)
    this.#hearers.set(channel, false)
    this.#watchers.set(channel, false)
    this.presence.leave(channel)
  }

  get empty(): boolean {
    return this.members.size === 0 && this.presence.empty
  }

  /** `id`: whoever was given this message by replay does not get it again. */
  broadcast(message: Fanout, except?: Channel, id?: string): Delivered {
    return send(this.#hearers, message, except, id)
  }

  presenceDiff(message: Fanout): Delivered {
    return send(this.#watchers, message)
  }
}

function send(audience: Audience, message: Fanout, except?: Channel, id?: string): Delivered {
  let messages = 0
  let bytes = 0
  for (const version of VERSIONS) {
    const channels = audience.of(version)
    if (channels.size === 0 || (channels.size === 1 && except !== undefined && channels.has(except))) continue
    const frame = message.frame(version)
    if (frame === undefined) continue
    let count = 0
    for (const channel of channels) {
      if (channel === except || (id !== undefined && channel.replayed?.has(id) === true)) continue
      channel.connection.transport.send(frame)
      count++
    }
    messages += count
    bytes += count * frame.bytes.length
  }
  return { messages, bytes }
}
