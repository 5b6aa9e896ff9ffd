// How commands speak to a running stack: a Unix socket that only this user can open, lines of JSON as answers.

import { rmSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import type { ResetOptions, Stack, StackStatus } from './stack.ts'

/** What a command may be told while it waits: a line of progress, and at the end `done` or the error. */
export type ControlLine = { readonly line: string } | { readonly done: unknown } | { readonly error: string }

export interface ControlServer {
  close(): Promise<void>
}

export interface ControlActions {
  /** Asked to stop: answers first, then ends the process or the stack. */
  readonly onStop: () => void
}

const CLOSE_MS = 1_000
/** A stack that is stopped by a debugger or a signal does not answer: nobody waits for it for ever. */
const ANSWER_MS = 10_000

/** Listens for the commands `status`, `reset` and `stop` of this stack. */
export async function openControl(stack: Stack, socket: string, { onStop }: ControlActions): Promise<ControlServer> {
  rmSync(socket, { force: true })
  const server = createServer((req, res) => {
    res.writeHead(200, { 'content-type': 'application/x-ndjson' })
    const send = (line: ControlLine) => void res.write(`${JSON.stringify(line)}\n`)
    const body: Buffer[] = []
    req.on('data', (chunk: Buffer) => body.push(chunk))
    req.on('end', () => {
      answer(stack, req.url ?? '', Buffer.concat(body).toString('utf8'), send, onStop)
        .then((done) => send({ done }))
        .catch((error: unknown) => send({ error: error instanceof Error ? error.message : String(error) }))
        .finally(() => res.end())
    })
  })
  await listenPrivately(server, socket)
  return {
    close: () =>
      new Promise((resolve) => {
        // Whoever connected and asks nothing must not keep the process.
        const force = setTimeout(() => server.closeAllConnections(), CLOSE_MS)
        server.close(() => {
          clearTimeout(force)
          resolve()
        })
        server.closeIdleConnections()
      }),
  }
}

async function answer(stack: Stack, path: string, body: string, send: (line: ControlLine) => void, onStop: () => void): Promise<unknown> {
  switch (path) {
    case '/status':
      return stack.status
    case '/reset':
      return stack.resetDatabase(JSON.parse(body) as ResetOptions, (line) => send({ line }))
    case '/stop':
      setImmediate(onStop)
      return undefined
    default:
      throw new Error(`This stack does not know ${path}: it was started by another version. Stop it and start it again.`)
  }
}

function listenPrivately(server: Server, socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(socket, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** Asks a running stack. Rejects with ECONNREFUSED or ENOENT when nobody listens, and with the stack's own words when it says no. */
export function ask(socket: string, path: '/status'): Promise<StackStatus>
export function ask(socket: string, path: '/stop'): Promise<void>
export function ask(socket: string, path: '/reset', body: ResetOptions, onLine: (line: string) => void): Promise<void>
export function ask(socket: string, path: string, body?: unknown, onLine?: (line: string) => void): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: socket, path, method: 'POST' }, (res) => {
      let pending = ''
      let settled = false
      res.setEncoding('utf8')
      res.on('data', (text: string) => {
        const lines = (pending + text).split('\n')
        pending = lines.pop()!
        for (const line of lines) {
          const message = JSON.parse(line) as ControlLine
          if ('line' in message) onLine?.(message.line)
          else {
            settled = true
            if ('error' in message) reject(new Error(message.error))
            else resolve(message.done)
          }
        }
      })
      res.on('close', () => {
        if (!settled) reject(new Error('The stack ended before it had answered.'))
      })
    })
    if (path !== '/reset')
      outgoing.setTimeout(ANSWER_MS, () => outgoing.destroy(new Error(`The stack did not answer within ${ANSWER_MS / 1_000} s.`)))
    outgoing.once('error', reject)
    outgoing.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
