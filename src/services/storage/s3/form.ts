// A browser's form (POST Object): its fields, which come before the file, and the file as a stream.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { Busboy, type BusboyHeaders, type BusboyInstance } from '@fastify/busboy'
import { errors, StorageError } from '../errors.ts'
import type { Asked, Form } from './exchange.ts'

export interface ReadForm extends Pick<Form, 'fields' | 'file' | 'fileName'> {
  /** Nobody reads the file any more. */
  close(): void
}

/** Upstream's bound. */
const MAX_FIELDS = 20
const MAX_FIELD_BYTES = 128 * 1024

export const isForm = ({ method, bucket, key, headers }: Asked): boolean =>
  method === 'POST' && bucket !== '' && key === '' && isMultipart(headers)

const isMultipart = (headers: IncomingHttpHeaders): boolean => /^multipart\/form-data\b/i.test(headers['content-type'] ?? '')

/** Resolves when the file begins. Throws InvalidRequest for what is no such form, InvalidSignature for a field that comes twice. */
export function readForm(request: IncomingMessage): Promise<ReadForm> {
  return new Promise((resolve, reject) => {
    const fields = new Map<string, string>()
    const file = new PassThrough()
    file.on('error', () => {})
    let done = false
    const fail = (error: unknown) => {
      const refused = error instanceof StorageError ? error : errors.invalidRequest('Malformed multipart/form-data body')
      request.unpipe(parser)
      file.destroy(refused)
      reject(refused)
    }
    const gone = () => {
      if (!request.complete) fail(errors.aborted())
    }
    let parser: BusboyInstance
    try {
      parser = new Busboy({
        headers: request.headers as BusboyHeaders,
        limits: { fields: MAX_FIELDS, fieldSize: MAX_FIELD_BYTES, files: 1, headerPairs: 32 },
      })
    } catch {
      reject(errors.invalidRequest('Malformed multipart/form-data body'))
      return
    }
    parser.on('field', (name, value, nameCut, valueCut) => {
      if (done) return
      const field = name.toLowerCase()
      if (nameCut || valueCut) fail(errors.entityTooLarge('field'))
      else if (fields.has(field)) fail(errors.invalidSignature('Duplicate form field in POST policy request'))
      else fields.set(field, value)
    })
    parser.on('fieldsLimit', () => fail(errors.invalidRequest('Too many form fields')))
    parser.on('file', (_name, part, fileName) => {
      done = true
      part.on('error', fail)
      file.once('close', () => part.resume())
      part.pipe(file)
      resolve({ fields, file, fileName: fileName ?? '', close: () => file.destroy() })
    })
    parser.on('finish', () => {
      request.off('close', gone)
      if (!done) reject(errors.invalidParameter('Missing file'))
    })
    parser.on('error', fail)
    request.once('error', gone).once('close', gone)
    request.pipe(parser)
  })
}
