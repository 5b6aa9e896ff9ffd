// The response that a service in this process is given: what it writes passes the middlewares as an answer over the network would.
import { type IncomingMessage, type OutgoingHttpHeader, type OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { headGiven } from '../proxy/here.ts'
import type { Answer } from './answer.ts'

type Given = OutgoingHttpHeaders | OutgoingHttpHeader[]
type Callback = (error?: Error | null) => void

export function localResponse(req: IncomingMessage, answer: Answer): ServerResponse {
  const res = new ServerResponse(req)
  let sent = false
  let over = false
  Object.defineProperty(res, 'headersSent', { get: () => sent, configurable: true })
  const close = () => {
    if (over) return
    over = true
    res.destroyed = true
    res.emit('close')
  }
  const stopListening = answer.onClose(close)
  const begin = (length?: number) => {
    if (sent) return
    if (length !== undefined && !res.hasHeader('content-length') && !res.hasHeader('transfer-encoding'))
      res.setHeader('Content-Length', length)
    res.writeHead(res.statusCode)
  }
  const waitForDrain = () => answer.onDrain(() => res.emit('drain'))
  res.writeHead = function writeHead(status: number, reason?: string | Given, headers?: Given) {
    if (sent) throw Object.assign(new Error('Cannot write headers after they are sent to the client'), { code: 'ERR_HTTP_HEADERS_SENT' })
    const table = headGiven(res, reason, headers)
    res.statusCode = status
    sent = true
    // 1xx are of this hop; a framing of its own is made for the client.
    table.remove('transfer-encoding')
    answer.head(status, table)
    return res
  } as ServerResponse['writeHead']
  res.flushHeaders = () => begin()
  res.write = function write(chunk: unknown, encoding?: BufferEncoding | Callback, callback?: Callback): boolean {
    begin()
    const done = typeof encoding === 'function' ? encoding : callback
    const more = answer.write(bytesOf(chunk, encoding))
    if (!more) waitForDrain()
    if (done) process.nextTick(done)
    return more
  } as ServerResponse['write']
  res.end = function end(chunk?: unknown, encoding?: BufferEncoding | Callback, callback?: Callback) {
    if (over || res.finished) return res
    const done = [chunk, encoding, callback].find((item): item is Callback => typeof item === 'function')
    const bytes = chunk === undefined || chunk === null || typeof chunk === 'function' ? undefined : bytesOf(chunk, encoding)
    begin(bytes?.length ?? 0)
    if (bytes && bytes.length > 0) answer.write(bytes)
    res.finished = true
    answer.end()
    process.nextTick(() => {
      res.emit('finish')
      done?.()
      stopListening()
      close()
    })
    return res
  } as ServerResponse['end']
  res.destroy = () => {
    if (!over && !res.finished) answer.abort()
    close()
    return res
  }
  return res
}

function bytesOf(chunk: unknown, encoding: BufferEncoding | Callback | undefined): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  return Buffer.from(String(chunk), typeof encoding === 'string' ? encoding : 'utf8')
}
