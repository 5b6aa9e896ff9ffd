// POST /api/broadcast: several messages at once, all of them checked before the first is sent.
import { ProbeError } from '../authorization/probe.ts'
import { cut, elementSpans, memberSpan } from '../socket/json-spans.ts'
import type { RealtimeState } from '../state.ts'
import { answerEmpty, answerJson } from './answer.ts'
import type { Exchange } from './app.ts'
import { BodyTooLarge, readBody } from './body.ts'
import { tenantOf, userOf } from './caller.ts'
import { maySend, type Sender, sendText } from './send.ts'

/** Of Plug's parsers, upstream's. */
export const MAX_BODY_BYTES = 8_000_000

interface Message {
  readonly topic: string
  readonly event: string
  /** JSON text. */
  readonly payload: string
  readonly private: boolean
  readonly id: string | undefined
}

/** What counts as a boolean. */
const FLAGS: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  ...([true, 'true', '1', 1] as const).map((flag) => [flag, true] as const),
  ...([false, 'false', '0', 0] as const).map((flag) => [flag, false] as const),
])

type Problems = Record<string, string[]>

export async function broadcastBatch(exchange: Exchange, state: RealtimeState): Promise<void> {
  const { req, res } = exchange
  res.setHeader('access-control-allow-origin', '*')
  const body = await readBody(req, MAX_BODY_BYTES).catch((error: unknown) => {
    if (error instanceof BodyTooLarge) return undefined
    throw error
  })
  if (body === undefined) return answerJson(res, 413, { errors: { detail: 'Request Entity Too Large' } })
  const tenant = await tenantOf(exchange, state)
  if (tenant === undefined) return
  const token = await userOf(exchange, tenant)
  if (token === undefined) return
  if (tenant.record.suspend) return answerJson(res, 403, { message: 'Tenant is suspended' })
  const text = body.toString()
  const parsed = parse(text)
  if (parsed === undefined) return answerJson(res, 400, { errors: { detail: 'Bad Request' } })
  const read = readMessages(parsed, text, tenant.maxPayloadBytes)
  if ('errors' in read) return answerJson(res, 422, { errors: { messages: read.errors } })
  const { average, limit } = tenant.rates.events
  if (average > limit) return answerJson(res, 429, { message: 'You have exceeded your rate limit' })
  if (average + read.messages.length > limit)
    return answerJson(res, 429, { message: 'Too many messages to broadcast, please reduce the batch size' })
  await send({ tenant, token, headers: JSON.stringify(req.headers) }, read.messages)
  answerEmpty(res, 202)
}

async function send(sender: Sender, messages: readonly Message[]): Promise<void> {
  for (const { topic, event, payload, id } of messages.filter((message) => !message.private))
    sendText(sender.tenant, topic, false, event, payload, id === undefined ? undefined : JSON.stringify({ id }))
  const asked = new Map<string, boolean>()
  for (const message of messages.filter(({ private: isPrivate }) => isPrivate)) {
    const { topic, event, payload, id } = message
    // What may not be sent is dropped without a word, as upstream does.
    if (!asked.has(topic)) asked.set(topic, await allowed(sender, topic))
    if (asked.get(topic)) sendText(sender.tenant, topic, true, event, payload, id === undefined ? undefined : JSON.stringify({ id }))
  }
}

async function allowed(sender: Sender, topic: string): Promise<boolean> {
  try {
    return await maySend(sender, topic)
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error
    sender.tenant.countError('UnableToSetPolicies')
    sender.tenant.log.warn({ code: 'UnableToSetPolicies', topic }, error.message)
    return false
  }
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
  } catch {
    return undefined // not JSON: the caller answers so
  }
}

function readMessages(
  body: Readonly<Record<string, unknown>>,
  text: string,
  maxBytes: number,
): { messages: Message[] } | { errors: (string | Problems)[] } {
  const list = Object.hasOwn(body, 'messages') ? body['messages'] : undefined
  if (list === undefined || list === null || (Array.isArray(list) && list.length === 0)) return { errors: ["can't be blank"] }
  if (!Array.isArray(list)) return { errors: ['is invalid'] }
  const listText = cut(text, memberSpan(text, 'messages'))!
  const spans = elementSpans(listText)
  const read = list.map((given: unknown) => readMessage(given, cut(listText, spans.next().value)!, maxBytes))
  if (read.every((one): one is Message => 'payload' in one && typeof one.payload === 'string')) return { messages: read }
  return { errors: read.map((one) => ('payload' in one && typeof one.payload === 'string' ? {} : (one as Problems))) }
}

function readMessage(given: unknown, text: string, maxBytes: number): Message | Problems {
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given)
  const message = (isObject ? given : {}) as Readonly<Record<string, unknown>>
  const own = (name: string): unknown => (Object.hasOwn(message, name) ? message[name] : undefined)
  const problems: Problems = {}
  const payload = own('payload')
  if (payload === undefined || payload === null || payload === '') problems['payload'] = ["can't be blank"]
  else if (typeof payload !== 'object' || Array.isArray(payload)) problems['payload'] = ['is invalid']
  for (const name of ['topic', 'event']) {
    const value = own(name)
    if (value === undefined || value === null || (typeof value === 'string' && value.trim() === '')) problems[name] = ["can't be blank"]
    else if (typeof value !== 'string') problems[name] = ['is invalid']
  }
  const isPrivate = FLAGS.get(own('private') ?? false)
  if (isPrivate === undefined) problems['private'] = ['is invalid']
  const id = own('id') ?? undefined
  if (id !== undefined && typeof id !== 'string') problems['id'] = ['is invalid']
  if (Object.keys(problems).length > 0) return problems
  const payloadText = cut(text, memberSpan(text, 'payload'))!
  if (Buffer.byteLength(payloadText) > maxBytes) return { payload: ['Payload size exceeds tenant limit'] }
  return {
    topic: String(own('topic')),
    event: String(own('event')),
    payload: payloadText,
    private: isPrivate === true,
    id: id as string | undefined,
  }
}
