// Instances of one service as one: a broadcast reaches the sockets of all, presence is that of all, users are counted in all. Each instance
// holds what the others track; one that is not heard of for a while has gone, and whom it had with it.
import { createHash, randomUUID } from 'node:crypto'
import type { Logger } from '../../../log/log.ts'
import { openRedisChannels, type RedisChannels } from '../../../redis/channels.ts'
import type { Channel } from '../channels/channel.ts'
import type { Topic } from '../channels/topic.ts'
import { TextFanout, UserFanout } from '../socket/server-frame.ts'
import type { SharedBroadcast, Tenant } from '../tenants/tenant.ts'
import { type Head, type LifeHead, type PresenceHead, readMessage, writeMessage } from './message.ts'

const BEAT_MS = 2_000
/** An instance whose last word is older is gone. */
const DEAD_MS = 7_000

export interface Cluster {
  /** What a tenant has in the other instances. */
  join(tenant: Tenant): ClusterLink
  close(): Promise<void>
}

export async function openCluster(url: string, log: Logger): Promise<Cluster> {
  const channels = await openRedisChannels(url, log)
  const links = new Set<ClusterLink>()
  const instance = randomUUID()
  const beats = setInterval(() => {
    for (const link of links) link.beat()
  }, BEAT_MS).unref()
  channels.onReady(() => {
    for (const link of links) link.hello()
  })
  return {
    join(tenant) {
      const link = new ClusterLink(tenant, instance, channels, () => links.delete(link))
      links.add(link)
      return link
    },
    async close() {
      clearInterval(beats)
      await channels.close()
    },
  }
}

interface Peer {
  heardAt: number
  users: number
  /** Where it tracks, by the names that its trackers have here. */
  readonly trackers: Map<string, { readonly topic: string; readonly private: boolean }>
}

export class ClusterLink {
  readonly #tenant: Tenant
  readonly #instance: string
  readonly #channels: RedisChannels
  readonly #channel: string
  readonly #peers = new Map<string, Peer>()
  readonly #end: () => void

  constructor(tenant: Tenant, instance: string, channels: RedisChannels, onEnd: () => void) {
    this.#tenant = tenant
    this.#instance = instance
    this.#channels = channels
    this.#channel = channelOf(tenant)
    const unsubscribe = channels.subscribe(this.#channel, (message) => this.#receive(message))
    this.#end = () => {
      this.#life('bye')
      unsubscribe()
      onEnd()
    }
    this.hello()
  }

  get users(): number {
    let users = 0
    for (const peer of this.#peers.values()) users += peer.users
    return users
  }

  broadcast({ kind, topic, event, data }: SharedBroadcast): void {
    this.#publish({ from: this.#instance, kind, topic: topic.subTopic, private: topic.private, event }, data)
  }

  /** What the channel tracks now. */
  presence(topic: Topic, channel: Channel): void {
    const tracked = topic.presence.trackedBy(channel)
    const head = {
      from: this.#instance,
      kind: 'presence',
      topic: topic.subTopic,
      private: topic.private,
      tracker: channel.connection.id,
    } as const
    if (tracked === undefined) this.#publish(head)
    else this.#publish({ ...head, key: tracked.key, ref: tracked.ref }, tracked.payload)
  }

  /** Tells what is here, and asks the others for theirs. */
  hello(): void {
    this.#life('hello')
    this.#tellState()
  }

  beat(): void {
    this.#life('beat')
    const oldest = Date.now() - DEAD_MS
    for (const [id, peer] of this.#peers) if (peer.heardAt < oldest) this.#bury(id, peer)
  }

  close(): void {
    this.#end()
    for (const [id, peer] of this.#peers) this.#bury(id, peer)
  }

  #life(kind: LifeHead['kind']): void {
    this.#publish({ from: this.#instance, kind, users: this.#tenant.users.size })
  }

  #tellState(): void {
    const state: (PresenceHead & { payload: string })[] = []
    for (const topic of this.#tenant.topics.values())
      for (const { tracker, key, ref, payload } of topic.presence.entries())
        if (typeof tracker !== 'string')
          state.push({
            kind: 'presence',
            topic: topic.subTopic,
            private: topic.private,
            tracker: (tracker as Channel).connection.id,
            key,
            ref,
            payload,
          })
    this.#publish({ from: this.#instance, kind: 'state' }, JSON.stringify(state))
  }

  #publish(head: Head, body?: string | Buffer): void {
    this.#channels.publish(this.#channel, writeMessage(head, body))
  }

  #receive(message: Buffer): void {
    try {
      const read = readMessage(message)
      if (read !== undefined && read.head.from !== this.#instance) this.#take(read.head, read.body)
    } catch (error) {
      this.#tenant.log.error({ err: error }, 'a message of another instance could not be used')
    }
  }

  #take(head: Head, body: Buffer): void {
    const peer = this.#peerOf(head.from)
    switch (head.kind) {
      case 'beat':
        peer.users = head.users
        return
      case 'hello':
        peer.users = head.users
        this.#life('beat')
        this.#tellState()
        return
      case 'bye':
        this.#bury(head.from, peer)
        return
      case 'presence':
        if (head.key === undefined) this.#untrack(peer, nameOf(head.from, head.topic, head.private, head.tracker))
        else this.#track(head.from, peer, head, body.toString())
        return
      case 'state':
        this.#replace(head.from, peer, JSON.parse(body.toString()) as (PresenceHead & { payload: string })[])
        return
      default: {
        const topic = this.#tenant.findTopic(head.topic, head.private)
        if (topic === undefined) return
        const fanout =
          head.kind === 'text'
            ? new TextFanout(topic.name, 'broadcast', body.toString())
            : new UserFanout(topic.name, { event: head.event, json: head.kind === 'json', data: body })
        this.#tenant.broadcast(topic, fanout, body.length)
      }
    }
  }

  #peerOf(id: string): Peer {
    let peer = this.#peers.get(id)
    if (peer === undefined) {
      peer = { heardAt: 0, users: 0, trackers: new Map() }
      this.#peers.set(id, peer)
    }
    peer.heardAt = Date.now()
    return peer
  }

  #track(from: string, peer: Peer, { topic: name, private: isPrivate, tracker, key, ref }: PresenceHead, payload: string): void {
    const mark = nameOf(from, name, isPrivate, tracker)
    peer.trackers.set(mark, { topic: name, private: isPrivate })
    this.#tenant.topic(name, isPrivate).presence.track(mark, key!, payload, ref)
  }

  #untrack(peer: Peer, mark: string): void {
    const tracked = peer.trackers.get(mark)
    if (tracked === undefined) return
    peer.trackers.delete(mark)
    this.#tenant.findTopic(tracked.topic, tracked.private)?.presence.leave(mark)
  }

  /** Whoever is not in the state any more has gone while this instance could not hear of it. */
  #replace(from: string, peer: Peer, state: readonly (PresenceHead & { payload: string })[]): void {
    const now = new Set(state.map(({ topic, private: isPrivate, tracker }) => nameOf(from, topic, isPrivate, tracker)))
    for (const mark of [...peer.trackers.keys()]) if (!now.has(mark)) this.#untrack(peer, mark)
    for (const entry of state) this.#track(from, peer, entry, entry.payload)
  }

  #bury(id: string, peer: Peer): void {
    this.#peers.delete(id)
    for (const mark of [...peer.trackers.keys()]) this.#untrack(peer, mark)
  }
}

/** Projects that share a Redis have tenants of the same name: only those with the same keys are the same. */
function channelOf({ id, record }: Tenant): string {
  const keys = createHash('sha256').update(JSON.stringify([id, record.jwtSecret ?? record.jwtJwks ?? null]))
  return `plinth:realtime:${id}:${keys.digest('hex').slice(0, 16)}`
}

const nameOf = (from: string, topic: string, isPrivate: boolean, tracker: string): string =>
  JSON.stringify([from, tracker, isPrivate, topic])
