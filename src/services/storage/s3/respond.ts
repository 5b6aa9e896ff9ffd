// From an operation's answer, or an error, to bytes: XML, or JSON of the same tree for clients that accept nothing else.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'
import type { Logger } from '../../../log/log.ts'
import type { StorageError } from '../errors.ts'
import { storageErrorOf } from '../respond.ts'
import type { Answer } from './exchange.ts'
import { writeXml, type XmlTree } from './xml/write.ts'

export function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const { status, headers = {}, tree } = answer
  const text = tree === undefined ? undefined : serialise(tree, request.headers.accept)
  const body = text === undefined ? answer.body : Buffer.from(text.text)
  response.statusCode = status
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value)
  if (text !== undefined) response.setHeader('content-type', text.type)
  discardRest(request)
  if (body === undefined || Buffer.isBuffer(body)) {
    const length = body?.length ?? 0
    if (status !== 204 && status !== 304 && !response.hasHeader('content-length')) response.setHeader('content-length', String(length))
    response.end(request.method === 'HEAD' ? undefined : body)
    return
  }
  // Ends both when either fails: the client sees a cut connection, never a short answer that looks whole.
  pipeline(body, response, () => {})
}

export interface Refused {
  readonly log: Logger
  readonly requestId: string
  /** Below /s3. */
  readonly resource: string
}

/** The only place that turns an error of the S3 protocol into an answer, and the only one that logs it. */
export function refuse(request: IncomingMessage, response: ServerResponse, error: unknown, about: Refused): StorageError {
  const refused = storageErrorOf(error)
  const record = { request_id: about.requestId, code: refused.code, path: about.resource }
  if (refused.status >= 500 && refused.code !== 'NotImplemented')
    about.log.error({ ...record, err: refused.cause ?? refused }, refused.message)
  else about.log.debug(record, refused.message)
  if (response.headersSent) {
    response.destroy()
    return refused
  }
  for (const name of response.getHeaderNames()) if (name !== 'x-amz-request-id') response.removeHeader(name)
  // Of the S3 server behind this one, which says its code for a message.
  const code = refused.code === 'S3Error' && /^[A-Z]\w+$/.test(refused.message) ? refused.message : refused.code
  const tree = { Error: { Resource: about.resource, Code: code, Message: refused.message } }
  send(request, response, { status: refused.status, ...(refused.headers && { headers: refused.headers }), tree })
  return refused
}

const JSON_TYPE = 'application/json; charset=utf-8'
const XML_TYPE = 'application/xml; charset=utf-8'

function serialise(tree: XmlTree, accept: string | undefined): { text: string; type: string } {
  return takesXml(accept) ? { text: writeXml(tree), type: XML_TYPE } : { text: JSON.stringify(tree), type: JSON_TYPE }
}

const takesXml = (accept: string | undefined): boolean =>
  accept === undefined || accept === '' || /\*\/\*|\b(?:application|text)\/(?:xml|\*)|text\/html/i.test(accept)

/** How long a client may go on sending what nobody reads. */
const DISCARD_MS = 10_000

/**
 * What a refused client still sends is thrown away for a while, so that it gets to read why: a connection that is closed upon it loses the
 * answer.
 */
function discardRest(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return
  request.unpipe()
  request.resume()
  const timer = setTimeout(() => request.destroy(), DISCARD_MS)
  timer.unref()
  const done = () => clearTimeout(timer)
  request.once('end', done).once('close', done)
}
