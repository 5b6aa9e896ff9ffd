// A broadcast that a client pushes: checked against the limits and the rights, passed on as it was written, acknowledged where asked for.
import { ProbeError, writable } from '../authorization/probe.ts'
import type { Channel } from '../channels/channel.ts'
import type { ClientFrame } from '../socket/client-frame.ts'
import { type Fanout, TextFanout, UserFanout } from '../socket/server-frame.ts'

export function handleBroadcast(channel: Channel, frame: ClientFrame): void | Promise<void> {
  if (!channel.topic.private) return pass(channel, frame)
  if (channel.rights.broadcastWrite !== undefined) return channel.rights.broadcastWrite ? pass(channel, frame) : undefined
  return askFirst(channel, frame)
}

async function askFirst(channel: Channel, frame: ClientFrame): Promise<void> {
  const { rights } = channel
  try {
    const allowed = await channel.tenant.timed('write', writable(channel.tenant.databaseOrThrow(), channel.asker(), 'broadcast'))
    // A token that came meanwhile has rights of its own.
    if (channel.rights !== rights) return handleBroadcast(channel, frame)
    rights.broadcastWrite = allowed
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error
    channel.log(error.failure === 'policy' ? 'RlsPolicyError' : 'UnableToSetPolicies', error.message)
    return
  }
  if (rights.broadcastWrite && !channel.closed) pass(channel, frame)
}

function pass(channel: Channel, frame: ClientFrame): void {
  const { tenant, topic, config } = channel
  const { user } = frame
  const bytes = user === undefined ? Buffer.byteLength(frame.payloadText) : user.data.length
  tenant.rates.events.add()
  if (bytes > tenant.maxPayloadBytes) {
    if (config.ack) channel.reply(frame, 'error', '"payload_size_exceeded"')
    return
  }
  const message: Fanout = user === undefined ? new TextFanout(topic.name, 'broadcast', frame.payloadText) : new UserFanout(topic.name, user)
  tenant.broadcast(topic, message, bytes, config.self ? undefined : channel)
  tenant.share({
    kind: user === undefined ? 'text' : user.json ? 'json' : 'binary',
    topic,
    event: user?.event ?? '',
    data: user?.data ?? frame.payloadText,
  })
  if (config.ack && !channel.closed) channel.reply(frame, 'ok', '{}')
}
