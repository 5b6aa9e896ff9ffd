// A channel gets another token: verified, asked about where the channel is private, and in force from then on.
import { ProbeError } from '../authorization/probe.ts'
import { readRights } from '../authorization/rights.ts'
import type { Channel, Rights } from '../channels/channel.ts'
import { onChannel, TokenRefused } from './refusal.ts'
import type { VerifiedToken } from './verify.ts'

const NO_DATABASE = 'Realtime was unable to connect to the project database'

export function refreshToken(channel: Channel, payload: unknown): void | Promise<void> {
  const given = (typeof payload === 'object' && payload !== null ? payload : {}) as Readonly<Record<string, unknown>>
  const token = Object.hasOwn(given, 'access_token') ? given['access_token'] : undefined
  if (typeof token !== 'string' || token.startsWith('sb_') || token === channel.token.token) return undefined
  return renew(channel, token)
}

async function renew(channel: Channel, given: string): Promise<void> {
  let token: VerifiedToken
  try {
    token = await channel.tenant.verifier.verify(given)
  } catch (error) {
    if (error instanceof TokenRefused) return channel.shutdown(onChannel(error.problem))
    throw error
  }
  if (channel.closed) return
  if (!channel.topic.private) return channel.renew(token, {})
  let rights: Rights
  try {
    rights = await readRights(channel.tenant, { ...channel.asker(), token }, channel.presenceEnabled)
  } catch (error) {
    if (error instanceof ProbeError) return channel.shutdown(wordsOf(error, channel))
    throw error
  }
  if (channel.closed) return
  const { topic } = channel
  const lost = (['broadcastRead', 'presenceRead'] as const).some((right) => channel.rights[right] === true && rights[right] === false)
  if (rights.broadcastRead !== true && rights.presenceRead !== true) return channel.shutdown(denied(topic.subTopic))
  if (lost) return channel.shutdown(`You no longer have permission to read from this Channel topic: ${topic.subTopic}`)
  channel.renew(token, rights)
}

export const denied = (subTopic: string): string => `You do not have permissions to read from this Channel topic: ${subTopic}`

function wordsOf({ failure }: ProbeError, { topic }: Channel): string {
  if (failure === 'policy') return denied(topic.subTopic)
  return failure === 'canceled' ? 'Query was cancelled, please try again' : NO_DATABASE
}
