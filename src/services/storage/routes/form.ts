// A form with a file: its fields up to the file, and the file as a stream.

import type { IncomingMessage } from 'node:http'
import { PassThrough, type Readable } from 'node:stream'
import { Busboy, type BusboyHeaders, type BusboyInstance } from '@fastify/busboy'
import { errors, StorageError } from '../errors.ts'

export interface FormFile {
  readonly fields: ReadonlyMap<string, string>
  readonly type: string
  readonly body: Readable
}

const FIELDS = 10
const FIELD_BYTES = 1_048_576

/** Resolves at the first file, whatever its field is called. Throws InvalidRequest where there is none, or where it is no form. */
export function readForm(request: IncomingMessage): Promise<FormFile> {
  return new Promise((resolve, reject) => {
    const fields = new Map<string, string>()
    const body = new PassThrough()
    let found = false
    const fail = (error: unknown) => {
      const refused = error instanceof StorageError ? error : errors.invalidRequest((error as Error).message)
      request.unpipe()
      if (found) body.destroy(refused)
      else reject(refused)
    }
    let parser: BusboyInstance
    try {
      parser = new Busboy({
        headers: request.headers as BusboyHeaders,
        limits: { fields: FIELDS, fieldSize: FIELD_BYTES, files: 1, headerPairs: 20 },
      })
    } catch (error) {
      return fail(error)
    }
    parser.on('field', (name, value) => {
      if (!found) fields.set(name, value)
    })
    parser.on('file', (_name, file, _filename, _encoding, type) => {
      found = true
      file.on('error', fail)
      body.on('error', () => file.resume())
      file.pipe(body)
      resolve({ fields, type, body })
    })
    parser.on('finish', () => {
      if (!found) reject(errors.invalidRequest('No file provided'))
    })
    parser.on('error', fail)
    request.on('error', fail)
    // A client that leaves ends neither the parser nor the file by itself.
    request.on('close', () => {
      if (!request.complete) fail(errors.aborted(new Error('the client left in the middle of the form')))
    })
    request.pipe(parser)
  })
}
