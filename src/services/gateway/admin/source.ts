// What the status and admin APIs show, and how they answer.
import type { ServerResponse } from 'node:http'
import type { Plan } from '../build.ts'

export interface AdminSource {
  plan(): Plan
  /** 32 hexadecimal digits; changes with every configuration that is taken over. */
  configurationHash(): string
  requests(): number
  connections(): { readonly accepted: number; readonly active: number; readonly writing: number; readonly waiting: number }
  /** In Prometheus' text format. */
  metrics(): Promise<string>
  /** Why no requests should be sent here; undefined when they should. */
  notReady(): string | undefined
  /** Names of the plugins that a file may use. */
  plugins(): readonly string[]
  /** Settings, without secrets. */
  settings(): Readonly<Record<string, unknown>>
  /** The text in force. */
  configuration(): string
  /** Takes another text over. Throws ConfigurationError, and the one in force stays. */
  replace(text: string): Promise<void>
}

export interface Reply {
  readonly status: number
  readonly body: object | undefined
}

export const NOT_FOUND: Reply = { status: 404, body: { message: 'Not found' } }

export function answer(res: ServerResponse, { status, body }: Reply): void {
  const text = body === undefined ? '' : JSON.stringify(body)
  if (text === '') res.writeHead(status)
  else res.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': String(Buffer.byteLength(text)) })
  res.end(text)
}
