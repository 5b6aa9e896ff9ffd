// One request of the S3 protocol, verified, and what an operation answers. Operations know these two and nothing of HTTP's machinery.
import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { Call } from '../caller/caller.ts'
import type { StorageContext } from '../context.ts'
import { errors } from '../errors.ts'
import type { PayloadRules, PayloadStream } from './chunked/payload.ts'
import type { XmlTree } from './xml/write.ts'

/** What is asked for, before anybody knows who asks. */
export interface Asked {
  readonly method: string
  /** Empty where the service itself is asked. */
  readonly bucket: string
  /** Empty where the bucket is asked. */
  readonly key: string
  readonly query: ReadonlyMap<string, string>
  readonly headers: IncomingHttpHeaders
}

export interface Exchange extends Asked {
  readonly ctx: StorageContext
  readonly call: Call
  /** Of this server, as S3 calls it; empty where it has none. */
  readonly region: string
  /** The body, checked as it is read. To be asked for once. */
  payload(): PayloadStream
  /** What was said of the body. */
  readonly payloadRules: PayloadRules
  /** The fields and the file of a browser's form. */
  readonly form: Form | undefined
  /** Versions of uploads in parts that this instance is putting together. */
  readonly finishing: Set<string>
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal
}

export interface Form {
  /** By lower-case name. */
  readonly fields: ReadonlyMap<string, string>
  readonly file: Readable
  readonly fileName: string
  /** Bytes that the policy allows. */
  readonly minSize: number
  readonly maxSize: number
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string | undefined>>
  /** Written as XML, or as JSON for who accepts nothing else. */
  readonly tree?: XmlTree
  readonly body?: Buffer | Readable
}

export interface Operation {
  /** What `storage.operation()` answers in SQL. */
  readonly name: string
  run(exchange: Exchange): Promise<Answer>
}

/** Ten thousand parts with a checksum each; a thousand keys of a thousand characters. */
const MAX_XML_BYTES = 4 * 1024 * 1024

/** The body as text. Throws EntityTooLarge. */
export async function textBody({ payload, payloadRules }: Exchange): Promise<string> {
  if ((payloadRules.size ?? 0) > MAX_XML_BYTES) throw errors.entityTooLarge('body')
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of payload()) {
    size += (piece as Buffer).length
    if (size > MAX_XML_BYTES) throw errors.entityTooLarge('body')
    pieces.push(piece as Buffer)
  }
  return Buffer.concat(pieces).toString('utf8')
}
