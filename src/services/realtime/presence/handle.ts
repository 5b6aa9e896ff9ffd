// A push of presence: track and untrack, with their limits and rights.
import { ProbeError, readable, writable } from '../authorization/probe.ts'
import type { Channel } from '../channels/channel.ts'
import type { ClientFrame } from '../socket/client-frame.ts'
import { cut, memberSpan } from '../socket/json-spans.ts'

/** So much of what a client makes up goes to the log. */
const SHOWN = 100

export function handlePresence(channel: Channel, frame: ClientFrame): void | Promise<void> {
  const { payload } = frame
  const given = typeof payload === 'object' && payload !== null && !Array.isArray(payload) ? (payload as Record<string, unknown>) : {}
  const name = Object.hasOwn(given, 'event') ? given['event'] : undefined
  if (name === undefined) return channel.reply(frame, 'ok', '{}')
  if (!withinWindow(channel)) {
    channel.log('ClientPresenceRateLimitReached', 'client_rate_limit_exceeded')
    return channel.shutdown('Client presence rate limit exceeded')
  }
  const event = typeof name === 'string' ? name.toLowerCase() : ''
  switch (event) {
    case 'track':
      return channel.topic.private && channel.rights.presenceWrite === undefined
        ? askFirst(channel, frame, given)
        : track(channel, frame, given)
    case 'untrack':
      untrack(channel)
      return channel.reply(frame, 'ok', '{}')
    default:
      channel.log('UnknownPresenceEvent', event.slice(0, SHOWN))
      return channel.reply(frame, 'error', '{}')
  }
}

/** So many calls in so many milliseconds, whatever becomes of them. */
function withinWindow(channel: Channel): boolean {
  const { record, env } = channel.tenant
  const window = channel.presenceCalls
  const now = performance.now()
  if (now > window.until) {
    window.until = now + (record.clientPresenceWindowMs || env.CLIENT_PRESENCE_WINDOW_MS)
    window.calls = 0
  }
  window.calls++
  return window.calls <= (record.maxClientPresenceEventsPerWindow || env.CLIENT_PRESENCE_MAX_CALLS)
}

async function askFirst(channel: Channel, frame: ClientFrame, given: Record<string, unknown>): Promise<void> {
  const { rights } = channel
  try {
    const database = channel.tenant.databaseOrThrow()
    // Nobody asked at the join of a channel that had no presence.
    if (rights.presenceRead === undefined) rights.presenceRead = (await readable(database, channel.asker(), ['presence'])).has('presence')
    rights.presenceWrite = await channel.tenant.timed('write', writable(database, channel.asker(), 'presence'))
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error
    channel.log(error.failure === 'policy' ? 'RlsPolicyError' : 'UnableToHandlePresence', error.message)
    return channel.reply(frame, 'error', '{}')
  }
  if (channel.closed) return
  // A token that came meanwhile has rights of its own.
  if (channel.rights !== rights)
    return channel.rights.presenceWrite === undefined ? askFirst(channel, frame, given) : track(channel, frame, given)
  track(channel, frame, given)
}

function track(channel: Channel, frame: ClientFrame, given: Record<string, unknown>): void {
  const { tenant, topic, rights } = channel
  if (topic.private && rights.presenceWrite !== true) {
    channel.reply(frame, 'error', '{}')
    return
  }
  const payload = Object.hasOwn(given, 'payload') ? given['payload'] : {}
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) {
    channel.log('InvalidPresencePayload', 'invalid_payload')
    channel.reply(frame, 'error', '{"reason":"Presence track payload must be a map"}')
    return
  }
  const text = cut(frame.payloadText, memberSpan(frame.payloadText, 'payload')) ?? '{}'
  const bytes = Buffer.byteLength(text)
  if (bytes > tenant.maxPayloadBytes) {
    channel.shutdown('Track message size exceeded')
    return
  }
  if (tenant.rates.presence.tripped) {
    channel.shutdown('Too many presence messages per second')
    return
  }
  tenant.rates.presence.add()
  tenant.observePayload('presence', bytes)
  if (!channel.presenceEnabled) {
    channel.presenceEnabled = true
    channel.place()
  }
  topic.presence.track(channel, channel.presenceKey, text)
  tenant.sharePresence(topic, channel)
  channel.reply(frame, 'ok', '{}')
}

export function untrack(channel: Channel): void {
  if (channel.topic.presence.leave(channel)) channel.tenant.sharePresence(channel.topic, channel)
}
