// Hooks behind a URL: signed the standard-webhooks way, with bounds on time, size and attempts.
import { createHmac, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'undici'
import { readBounded } from '../../../http/read-bounded.ts'
import { errors } from '../errors.ts'
import type { JsonMap } from '../request/body.ts'

export interface HttpHook {
  readonly url: string
  readonly secrets: readonly Buffer[]
}

const TIMEOUT_MS = 5_000
const ATTEMPTS = 3
const BACKOFF_MS = 2_000
const MAX_ANSWER_BYTES = 200 * 1024
/** Hosts that may be reached without TLS. */
const LOCAL = new Set(['localhost', '127.0.0.1', '[::1]', 'host.docker.internal'])

/** The hook, or a sentence about what is wrong with it. */
export function parseHttpHook(uri: string, secrets: string): HttpHook | string {
  if (!URL.canParse(uri)) return 'it is neither a URL nor pg-functions://'
  const url = new URL(uri)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return `only https, http to localhost and pg-functions are supported`
  if (url.protocol === 'http:' && !LOCAL.has(url.hostname))
    return 'http is only supported for localhost, 127.0.0.1, ::1 and host.docker.internal'
  const list = secrets.split('|').filter((secret) => secret !== '')
  if (list.length === 0) return 'its _SECRETS are missing'
  const keys = list.map((secret) => /^v1,whsec_([A-Za-z0-9+/]{32,}={0,2})$/.exec(secret)?.[1])
  if (keys.some((key) => key === undefined)) return 'each of its _SECRETS must be v1,whsec_<base64 of 24 to 64 bytes>'
  return { url: url.href, secrets: keys.map((key) => Buffer.from(key!, 'base64')) }
}

export function signatureOf(hook: HttpHook, id: string, timestamp: string, body: string): string {
  return hook.secrets.map((key) => `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`).join(', ')
}

export async function runHttpHook(hook: HttpHook, body: string): Promise<JsonMap> {
  const deadline = AbortSignal.timeout(TIMEOUT_MS)
  let busy = false
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const answer = await send(hook, body, deadline)
    busy = answer === 'again'
    if (answer === 'unreachable') {
      if (attempt < ATTEMPTS) await pause(deadline)
      continue
    }
    if (answer === 'again') continue
    return answer
  }
  throw busy ? errors.failure('Service currently unavailable due to hook') : errors.hookUnreachable()
}

/** `again`: the receiver is busy and asks to be called once more. */
async function send(hook: HttpHook, body: string, deadline: AbortSignal): Promise<JsonMap | 'again' | 'unreachable'> {
  const id = randomUUID()
  const timestamp = String(Math.floor(Date.now() / 1_000))
  try {
    const {
      statusCode,
      headers,
      body: stream,
    } = await request(hook.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'accept-encoding': 'identity',
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': signatureOf(hook, id, timestamp, body),
      },
      body,
      signal: deadline,
    })
    const text = await readBounded(stream, MAX_ANSWER_BYTES)
    if ((statusCode === 429 || statusCode === 503) && headers['retry-after']) return 'again'
    return understand(statusCode, String(headers['content-type'] ?? ''), text)
  } catch (error) {
    if (deadline.aborted) throw errors.hookTimeout(error)
    if (isNetworkError(error)) return 'unreachable'
    throw error
  }
}

function understand(status: number, contentType: string, text: string | undefined): JsonMap {
  switch (status) {
    case 200:
    case 202:
      break
    case 204:
      return {}
    case 400:
      throw errors.failure('Invalid payload sent to hook')
    case 401:
      throw errors.failure('Hook requires authorization token')
    case 429:
    case 503:
      throw errors.failure('Service currently unavailable due to hook')
    default:
      throw errors.failure(`Unexpected status code returned from hook: ${status}`)
  }
  if (contentType === '') throw errors.hookContentType('Invalid Content-Type: Missing Content-Type header')
  if (contentType.split(';', 1)[0]!.trim().toLowerCase() !== 'application/json')
    throw errors.hookContentType(`Invalid JSON response. Received content-type: ${contentType}`)
  if (text === undefined) throw errors.hookTooLarge()
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as JsonMap) : {}
  } catch (error) {
    throw errors.failure('Error unmarshaling JSON output.', error)
  }
}

async function pause(deadline: AbortSignal): Promise<void> {
  try {
    await sleep(BACKOFF_MS, undefined, { signal: deadline })
  } catch (error) {
    throw errors.hookTimeout(error)
  }
}

const isNetworkError = (error: unknown): boolean =>
  typeof (error as { code?: unknown } | null)?.code === 'string' && /^(E[A-Z]+|UND_ERR_)/.test((error as { code: string }).code)
