// What a provider of text messages does for us, and how one is asked: a form posted to it, with an end to the waiting and to the answer.
import { request } from 'undici'
import { readBounded } from '../../../http/read-bounded.ts'
import { encodeForm } from '../request/form.ts'

export type Channel = 'sms' | 'whatsapp'

export interface Message {
  /** E.164 without the plus. */
  readonly phone: string
  readonly text: string
  readonly channel: Channel
  readonly code: string
}

export interface SmsProvider {
  /** The provider's id of the message, `''` where it tells none. Rejects with an SmsError. */
  send(message: Message): Promise<string>
  /** Of a provider that makes the codes itself: rejects for one that is wrong. */
  readonly check?: (phone: string, code: string) => Promise<void>
}

/** Its message reaches the client: the provider's own words about the failure, never an address or a key of ours. */
export class SmsError extends Error {
  override readonly name = 'SmsError'
}

export interface Reply {
  readonly status: number
  readonly json: unknown
}

export interface Post {
  readonly url: string
  readonly form: Readonly<Record<string, string>>
  readonly authorization?: string
}

const MAX_ANSWER_BYTES = 64 * 1024

export async function post({ url, form, authorization }: Post, timeoutMs: number): Promise<Reply> {
  try {
    const { statusCode, body } = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...(authorization === undefined ? {} : { authorization }) },
      body: encodeForm(form),
      signal: AbortSignal.timeout(timeoutMs),
    })
    const text = await readBounded(body, MAX_ANSWER_BYTES)
    if (text === undefined) throw new SmsError('the answer is too long')
    return { status: statusCode, json: JSON.parse(text) }
  } catch (error) {
    if (error instanceof SmsError) throw error
    if (error instanceof SyntaxError) throw new SmsError('the answer is no JSON')
    const late = (error as { name?: unknown }).name === 'TimeoutError'
    throw new SmsError(late ? 'no answer in time' : 'cannot be reached', { cause: error })
  }
}

export const basicAuthorization = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
