// A join: the checks in upstream's order, the rights, the channel, and what is pushed once the client has its answer.
import { randomUUID } from 'node:crypto'
import { ProbeError } from '../authorization/probe.ts'
import { readRights } from '../authorization/rights.ts'
import { type ReplayedMessage, readReplay, replay } from '../broadcast/replay.ts'
import type { ChangeSubscription } from '../changes/feed.ts'
import type { ClientFrame } from '../socket/client-frame.ts'
import type { Connection } from '../socket/connection.ts'
import { broadcastPayload, userBroadcastFrame } from '../socket/server-frame.ts'
import { denied } from '../token/refresh.ts'
import { inJoin, TokenRefused } from '../token/refusal.ts'
import type { VerifiedToken } from '../token/verify.ts'
import { ChannelChanges, legacyEntry, readEntries } from './changes.ts'
import { Channel, type Rights } from './channel.ts'
import { type JoinConfig, readConfig } from './config.ts'
import { JoinRefused } from './join-refused.ts'

const PREFIX = 'realtime:'
const READY_WAIT_MS = 60_000

export interface Joined {
  readonly channel: Channel
  /** JSON text. */
  readonly response: string
  /** To be called when the client has been answered. */
  begin(): void
}

/** Rejects with JoinRefused. */
export async function join(connection: Connection, { topic: name, joinRef, payload }: ClientFrame): Promise<Joined> {
  const { tenant } = connection
  const subTopic = name.slice(PREFIX.length)
  if (subTopic === '') throw new JoinRefused('TopicNameRequired', 'You must provide a topic name')
  const config = readConfig(payload)
  if (config.invalid.length > 0) tenant.log.warn({ code: 'InvalidJoinPayload', parts: config.invalid, topic: name }, 'InvalidJoinPayload')
  admit(connection, config)
  const token = await verify(connection, config.token)
  const presenceEnabled = config.presenceEnabled || tenant.record.presenceEnabled
  const rights = config.private ? await rightsOf(connection, subTopic, token, presenceEnabled) : {}
  const messages = await replayed(connection, subTopic, config, rights)
  const { entries, echo } = readEntries(config.legacy ? [legacyEntry(subTopic)] : config.changes)
  const channel = new Channel({
    connection,
    topic: tenant.topic(subTopic, config.private),
    joinRef,
    config,
    token,
    rights,
    presenceKey: config.presenceKey ?? randomUUID(),
    presenceEnabled,
    replayed: messages.length > 0 ? new Set(messages.map(({ id }) => id)) : undefined,
  })
  return { channel, response: `{"postgres_changes":${echo}}`, begin: () => begin(channel, messages, entries) }
}

function admit(connection: Connection, config: JoinConfig): void {
  const { tenant } = connection
  if (tenant.draining && !tenant.removed) throw new JoinRefused('RealtimeRestarting', 'Realtime is restarting, please standby')
  if (tenant.removed) throw new JoinRefused('TenantNotFound', 'Tenant with the given ID does not exist', { disconnect: true })
  const { suspend, privateOnly, maxConcurrentUsers, maxChannelsPerClient } = tenant.record
  if (suspend) throw new JoinRefused('RealtimeDisabledForTenant', 'Realtime disabled for this tenant')
  if (privateOnly && !config.private) throw new JoinRefused('PrivateOnly', 'This project only allows private channels')
  if (!tenant.users.has(connection) && tenant.connectedUsers >= maxConcurrentUsers)
    throw new JoinRefused('ConnectionRateLimitReached', 'Too many connected users')
  if (tenant.rates.joins.tripped) throw new JoinRefused('ClientJoinRateLimitReached', 'Too many joins per second', { disconnect: true })
  tenant.rates.joins.add()
  if (connection.channels.size >= maxChannelsPerClient) throw new JoinRefused('ChannelRateLimitReached', 'Too many channels')
}

async function verify({ tenant, token }: Connection, given: string | undefined): Promise<VerifiedToken> {
  try {
    const verified = await tenant.verifier.verify(given ?? token.token)
    if (verified.exp * 1_000 <= Date.now()) throw new JoinRefused('InvalidJWTToken', 'Token expiration time is invalid')
    return verified
  } catch (error) {
    if (!(error instanceof TokenRefused)) throw error
    const reason = inJoin(error.problem)
    const colon = reason.indexOf(': ')
    throw new JoinRefused(reason.slice(0, colon), reason.slice(colon + 2))
  }
}

async function rightsOf(connection: Connection, subTopic: string, token: VerifiedToken, presence: boolean): Promise<Rights> {
  let rights: Rights
  try {
    rights = await readRights(connection.tenant, { topic: subTopic, token, headers: connection.headers }, presence)
  } catch (error) {
    throw error instanceof ProbeError ? unasked(error) : error
  }
  if (rights.broadcastRead !== true && rights.presenceRead !== true) throw new JoinRefused('Unauthorized', denied(subTopic))
  return rights
}

function unasked(error: ProbeError): JoinRefused {
  switch (error.failure) {
    case 'canceled':
      return new JoinRefused('QueryCanceled', error.message)
    case 'partition':
      return new JoinRefused('MissingPartition', 'Realtime was unable to find the expected messages partition')
    case 'pool':
      return new JoinRefused('IncreaseConnectionPool', 'Please increase your connection pool size')
    case 'connections':
      return new JoinRefused('DatabaseLackOfConnections', "Database can't accept more connections, Realtime won't connect")
    default:
      return new JoinRefused('UnableToConnectToProject', 'Realtime was unable to connect to the project database')
  }
}

async function replayed({ tenant }: Connection, subTopic: string, config: JoinConfig, rights: Rights): Promise<ReplayedMessage[]> {
  if (config.replay === undefined) return []
  if (!config.private) throw new JoinRefused('UnableToReplayMessages', 'Replay is not allowed for public channels')
  if (rights.broadcastRead !== true) throw new JoinRefused('Unauthorized', denied(subTopic))
  const request = readReplay(config.replay)
  try {
    return await tenant.timed('replay', replay(tenant.databaseOrThrow(), subTopic, request))
  } catch (error) {
    tenant.log.warn({ err: error }, 'messages could not be replayed')
    throw new JoinRefused('UnableToReplayMessages', 'Realtime was unable to replay messages')
  }
}

function begin(channel: Channel, messages: readonly ReplayedMessage[], entries: readonly ChangeSubscription[]): void {
  for (const message of messages) pushReplayed(channel, message)
  const { topic, config } = channel
  if (channel.presenceEnabled && (!topic.private || channel.rights.presenceRead === true)) {
    channel.tenant.rates.presence.add()
    channel.push('presence_state', topic.presence.state())
  }
  if (config.replicationReady) void sayWhenReady(channel)
  if (entries.length > 0) channel.changes = new ChannelChanges(channel, entries)
}

function pushReplayed(channel: Channel, { id, event, payload }: ReplayedMessage): void {
  const meta = JSON.stringify({ id, replayed: true })
  if (typeof payload === 'string') {
    channel.push('broadcast', broadcastPayload(event, payload, meta))
    return
  }
  if (channel.connection.version === 1) return
  const frame = userBroadcastFrame(channel.topic.name, { event, json: false, data: payload }, meta)
  if (frame !== undefined) channel.connection.transport.send(frame)
}

async function sayWhenReady(channel: Channel): Promise<void> {
  try {
    await channel.tenant.broadcastsOrThrow().ready(AbortSignal.any([channel.ended, AbortSignal.timeout(READY_WAIT_MS)]))
    if (!channel.closed) channel.system('system', 'ok', 'Replication connection established')
  } catch {
    // Whatever kept it: the client is told, and the reader of the stream has logged why.
    if (!channel.closed) channel.shutdown('Replication connection was not established in time')
  }
}
