// Bodies that a plugin looks into: read whole within a bound, taken apart as form or JSON, put together again.
import type { IncomingMessage } from 'node:http'
import { byteString, textOfBytes } from './bytes.ts'
import type { Refusal } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { QueryTable } from './query-table.ts'

/** The longest body that a plugin reads; longer ones are refused, never cut. */
export const MAX_READ_BYTES = 10 * 1024 * 1024

/** The fields of a form or of a JSON object; names and values as bytes. */
export interface Fields {
  has(name: string): boolean
  /** The field as text, if it is one. */
  text(name: string): string | undefined
  set(name: string, value: string): void
  append(name: string, value: string): void
  remove(name: string): void
  rename(from: string, to: string): void
  toString(): string
}

export type ReadFields = { readonly fields: Fields | undefined } | { readonly refusal: Refusal }

/** The fields of the body, undefined for bodies of other types. The request goes on with the bytes that were read. */
export async function readFields(exchange: Exchange): Promise<ReadFields> {
  const type = exchange.headers.get('content-type')?.toLowerCase() ?? ''
  const kind = type.startsWith('application/x-www-form-urlencoded') ? 'form' : type.startsWith('application/json') ? 'json' : undefined
  if (!kind || exchange.method === 'HEAD') return { fields: undefined }
  const body = await readWholeBody(exchange)
  if (body === undefined) return { refusal: exchange.fail('tooLarge') }
  if (kind === 'json') return { fields: jsonFields(body.toString('utf8')) }
  return { fields: new QueryTable(body.toString('latin1').replace(/\r?\n$/, '')).asFields() }
}

/** Takes over fields that were changed as the body of the request. */
export function changedBody(exchange: Exchange, fields: Fields): void {
  exchange.body = Buffer.from(fields.toString(), 'latin1')
}

/** The body whole, for whoever comes first; undefined when it is longer than that. The request goes on with the bytes that were read. */
export async function readWholeBody(exchange: Exchange, maxBytes = MAX_READ_BYTES): Promise<Buffer | undefined> {
  if (exchange.body === undefined) {
    const body = await readBody(exchange.req, maxBytes)
    if (body === undefined) return undefined
    exchange.body = body
  }
  return exchange.body.length <= maxBytes ? exchange.body : undefined
}

async function readBody(req: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const declared = Number(req.headers['content-length'] ?? 0)
  if (declared > maxBytes) return undefined
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > maxBytes) return undefined
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

function jsonFields(text: string): Fields | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Not JSON: the service is to say so.
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const fields = new Map<string, unknown>(Object.entries(value))
  return {
    has: (name) => fields.has(textOfBytes(name)),
    text: (name) => {
      const found = fields.get(textOfBytes(name))
      return typeof found === 'string' ? byteString(found) : undefined
    },
    set: (name, value) => void fields.set(textOfBytes(name), textOfBytes(value)),
    append: (name, value) => {
      const [key, given] = [textOfBytes(name), textOfBytes(value)]
      const found = fields.get(key)
      fields.set(key, found === undefined ? [given] : Array.isArray(found) ? [...found, given] : [found, given])
    },
    remove: (name) => void fields.delete(textOfBytes(name)),
    rename: (from, to) => {
      const key = textOfBytes(from)
      if (!fields.has(key)) return
      const found = fields.get(key)
      fields.delete(key)
      fields.set(textOfBytes(to), found)
    },
    toString: () => byteString(JSON.stringify(Object.fromEntries(fields))),
  }
}
