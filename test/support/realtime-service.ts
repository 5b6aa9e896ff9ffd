// Realtime of its own for a test: a database, the service on a free port, sockets that speak Phoenix; ended with `await using`.
import { WebSocket } from 'ws'
import { readEnv } from '../../src/env/read.ts'
import { Dispatcher } from '../../src/http/dispatch.ts'
import { serveEndpoint } from '../../src/http/server.ts'
import { type Logger, silentLog } from '../../src/log/log.ts'
import { realtimeEnv } from '../../src/services/realtime/env.ts'
import { realtime } from '../../src/services/realtime/index.ts'
import { sign } from './auth-service.ts'
import type { TestPostgres } from './postgres.ts'
import { createRoles, createSchemas } from './roles.ts'

export const SECRET = 'a-secret-of-more-than-thirty-two-characters'

// biome-ignore lint/suspicious/noExplicitAny: frames are asserted on, not computed with
export type Json = any

export const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1_000) + seconds
export const token = (claims: object = {}, secret = SECRET): string => sign({ role: 'anon', exp: inSeconds(3_600), ...claims }, secret)
export const serviceRole = (): string => token({ role: 'service_role' })

export interface Frame {
  readonly joinRef: Json
  readonly ref: Json
  readonly topic: string
  readonly event: string
  readonly payload: Json
  readonly binary?: Buffer
}

export interface TestRealtime extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** Opens a socket; the anon key and version 2 unless told otherwise. */
  open(options?: { apikey?: string; vsn?: string; headers?: Record<string, string> }): Promise<TestSocket>
  /** A handshake that is refused. */
  refused(query: string, headers?: Record<string, string>): Promise<{ status: number; text: string; json: Json }>
  call(
    method: string,
    path: string,
    options?: { body?: unknown; token?: string; headers?: Record<string, string> },
  ): Promise<{ status: number; headers: Headers; text: string; json: Json }>
}

/** The roles and schemas that the database image provides, in the database `postgres`. */
export async function prepareRealtimeDatabase(server: TestPostgres): Promise<void> {
  const admin = await server.connect()
  await createRoles(admin)
  await createSchemas(admin)
  await admin.query('create schema _realtime authorization supabase_admin')
}

export async function startRealtime(
  server: TestPostgres,
  variables: Record<string, string> = {},
  log: Logger = silentLog,
): Promise<TestRealtime> {
  const database = new URL(server.url())
  const env = readEnv(realtimeEnv, {
    DB_HOST: database.hostname,
    DB_PORT: database.port,
    DB_USER: 'supabase_admin',
    DB_NAME: 'postgres',
    DB_ENC_KEY: 'supabaserealtime',
    API_JWT_SECRET: SECRET,
    METRICS_JWT_SECRET: SECRET,
    SECRET_KEY_BASE: SECRET,
    APP_NAME: 'realtime',
    SEED_SELF_HOST: 'true',
    CONNECT_ERROR_BACKOFF_MS: '0',
    CHANNEL_ERROR_BACKOFF_MS: '0',
    TENANT_MAX_EVENTS_PER_SECOND: '1000000',
    TENANT_MAX_JOINS_PER_SECOND: '1000000',
    ...variables,
  })
  const service = await realtime.start(env, { log, dispatcher: new Dispatcher(), signal: new AbortController().signal })
  const listening = await serveEndpoint(service.endpoints[0]!, '127.0.0.1', 0)
  const { port } = listening
  const url = `http://127.0.0.1:${port}`
  const sockets: TestSocket[] = []
  return {
    port,
    url,
    async open({ apikey = token(), vsn = '2.0.0', headers = {} } = {}) {
      const socket = await openSocket(
        `ws://127.0.0.1:${port}/socket/websocket?apikey=${encodeURIComponent(apikey)}&vsn=${vsn}`,
        headers,
        vsn,
      )
      sockets.push(socket)
      return socket
    },
    refused: (query, headers = {}) =>
      new Promise((resolve, reject) => {
        const ws = new WebSocket(`ws://127.0.0.1:${port}/socket/websocket${query}`, { headers })
        ws.on('open', () => reject(new Error('the handshake was accepted')))
        ws.on('error', () => undefined)
        ws.on('unexpected-response', (_, res) => {
          let text = ''
          res.setEncoding('utf8').on('data', (part: string) => {
            text += part
          })
          res.on('end', () => resolve({ status: res.statusCode!, text, json: text === '' ? undefined : JSON.parse(text) }))
        })
      }),
    async call(method, path, { body, token: bearer, headers = {} } = {}) {
      const bytes = body instanceof Uint8Array || typeof body === 'string'
      const response = await fetch(url + path, {
        method,
        headers: {
          ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
          ...(body === undefined || bytes ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: bytes ? (body as string) : JSON.stringify(body) }),
      })
      const text = await response.text()
      return { status: response.status, headers: response.headers, text, json: /^[[{]/.test(text) ? JSON.parse(text) : undefined }
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.ws.terminate()
      await listening.close(0)
      await service.stop()
    },
  }
}

export class TestSocket {
  readonly ws: WebSocket
  readonly vsn: string
  readonly frames: Frame[] = []
  /** Resolves with the code that the socket was closed with. */
  readonly closed: Promise<number>
  #refs = 0
  #wake: (() => void)[] = []

  constructor(ws: WebSocket, vsn: string) {
    this.ws = ws
    this.vsn = vsn
    this.closed = new Promise((resolve) => ws.on('close', (code) => resolve(code)))
    ws.on('message', (data: Buffer, binary) => {
      this.frames.push(binary ? readBinary(data) : readText(data.toString()))
      for (const wake of this.#wake.splice(0)) wake()
    })
  }

  raw(data: string | Buffer): void {
    this.ws.send(data)
  }

  push(topic: string, event: string, payload: unknown, joinRef: string | null = null): string {
    const ref = String(++this.#refs)
    this.raw(
      this.vsn.startsWith('1')
        ? JSON.stringify({ topic, event, payload, ref, join_ref: joinRef })
        : JSON.stringify([joinRef, ref, topic, event, payload]),
    )
    return ref
  }

  /** The first frame from position `from` on that fits, waited for. */
  async next(fits: (frame: Frame) => boolean, from = 0): Promise<Frame> {
    for (let at = from; ; at++) {
      while (at >= this.frames.length) await new Promise<void>((resolve) => this.#wake.push(resolve))
      if (fits(this.frames[at]!)) return this.frames[at]!
    }
  }

  async ask(topic: string, event: string, payload: unknown, joinRef: string | null = null): Promise<Json> {
    const ref = this.push(topic, event, payload, joinRef)
    return (await this.next((frame) => frame.event === 'phx_reply' && frame.ref === ref)).payload
  }

  /** `topic` without `realtime:`. */
  join(topic: string, config: object = {}, more: object = {}): Promise<Json> {
    return this.ask(`realtime:${topic}`, 'phx_join', { config, ...more }, `join-${topic}`)
  }

  send(topic: string, event: string, payload: unknown): string {
    return this.push(`realtime:${topic}`, 'broadcast', { type: 'broadcast', event, payload })
  }

  got(topic: string, event: string, from = 0): Promise<Frame> {
    return this.next((frame) => frame.topic === `realtime:${topic}` && frame.event === 'broadcast' && frame.payload?.event === event, from)
  }

  /** Resolves when everything sent before has been looked at. */
  async settled(): Promise<void> {
    await this.ask('phoenix', 'heartbeat', {})
  }
}

function openSocket(url: string, headers: Record<string, string>, vsn: string): Promise<TestSocket> {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, { headers, perMessageDeflate: false })
    const socket = new TestSocket(ws, vsn)
    ws.on('open', () => resolve(socket))
    ws.on('error', reject)
  })
}

function readText(text: string): Frame {
  const read = JSON.parse(text) as Json
  if (Array.isArray(read)) return { joinRef: read[0], ref: read[1], topic: read[2], event: read[3], payload: read[4] }
  return { joinRef: undefined, ref: read.ref, topic: read.topic, event: read.event, payload: read.payload }
}

function readBinary(bytes: Buffer): Frame {
  const [, topicLength, eventLength, metaLength, encoding] = bytes as unknown as [number, number, number, number, number]
  let at = 5
  const cut = (length: number) => {
    at += length
    return bytes.subarray(at - length, at)
  }
  const [topic, event, meta] = [cut(topicLength).toString(), cut(eventLength).toString(), cut(metaLength).toString()]
  const data = bytes.subarray(at)
  const payload = { event, payload: encoding === 1 ? json(data.toString()) : data, ...(meta === '' ? {} : { meta: JSON.parse(meta) }) }
  return { joinRef: null, ref: null, topic, event: 'broadcast', payload, binary: bytes }
}

/** Senders may call anything JSON. */
function json(text: string): Json {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** A user broadcast as version 2 sends it in binary form. */
export function userBroadcast(topic: string, event: string, encoding: 0 | 1, data: string | Buffer, ref = ''): Buffer {
  const texts = ['', ref, topic, event, ''].map((text) => Buffer.from(text))
  return Buffer.concat([Buffer.from([3, ...texts.map(({ length }) => length), encoding]), ...texts, Buffer.from(data)])
}
