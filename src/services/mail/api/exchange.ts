// What every route of the mail catcher works with: the request taken apart, the state, and the few ways to answer.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from '../../../log/log.ts'
import type { MailEnv } from '../env.ts'
import { type Letter, readLetter } from '../letter.ts'
import type { Mailbox, StoredMessage } from '../mailbox.ts'
import type { Receiver } from '../receive.ts'
import { compileSearch } from '../search.ts'

export interface MailState {
  readonly env: MailEnv
  readonly mailbox: Mailbox
  readonly receiver: Receiver
  readonly log: Logger
  readonly startedAt: number
  readonly maxBytes: number
  /** Where SMTP listens, shown on the page. */
  readonly smtp: { readonly host: string; readonly port: number }
  /** Responses of the event stream that are open. */
  readonly watchers: Set<ServerResponse>
}

export interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly url: URL
  readonly params: Readonly<Record<string, string>>
  readonly state: MailState
}

export type Route = (exchange: Exchange) => void | Promise<void>

/** Upstream's errors: 400 and 404 with a sentence as plain text, or `{ "Error": ... }` where the route speaks JSON. */
export class MailError extends Error {
  readonly status: number
  readonly json: boolean
  constructor(status: number, message: string, json = false) {
    super(message)
    this.name = 'MailError'
    this.status = status
    this.json = json
  }
}

export function sendJson(res: ServerResponse, value: unknown, status = 200): void {
  const body = JSON.stringify(value)
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body)
}

export function sendText(res: ServerResponse, value: string | Buffer, status = 200): void {
  res.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(value) }).end(value)
}

/** The message that `:id` names; `latest` is the newest, or the newest of `?query=`. Throws 404. */
export function messageOf({ params, url, state }: Exchange): StoredMessage {
  const id = params['id']!
  if (id !== 'latest') {
    const message = state.mailbox.get(id)
    if (!message) throw new MailError(404, '404 page not found')
    return message
  }
  const query = url.searchParams.get('query')?.trim()
  const match = query ? compileSearch(query, url.searchParams.get('tz') ?? undefined) : () => true
  for (const message of state.mailbox.newest()) if (match(message)) return message
  throw new MailError(404, 'Message not found')
}

/** The message read anew from its bytes. */
export function letterOf(message: StoredMessage): Promise<Letter> {
  return readLetter(message.raw)
}

/** A JSON body, whatever its content type; undefined when it is none. Throws 413 beyond the bound. */
export async function readJson(req: IncomingMessage, maxBytes = 1_048_576): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) throw new MailError(413, 'http: request body too large', true)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown
  } catch {
    // The caller says what a body that is no JSON means: upstream differs by route.
    return undefined
  }
}

/** A field by its name in any letter case, as Go's decoder reads structs. */
export function field(body: unknown, name: string): unknown {
  if (typeof body !== 'object' || body === null) return undefined
  const key = Object.keys(body).find((candidate) => candidate.toLowerCase() === name.toLowerCase())
  return key === undefined ? undefined : (body as Record<string, unknown>)[key]
}

export function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
