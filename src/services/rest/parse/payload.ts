// The body of a request: what it is, and which keys its rows have. Its text goes on as it came.
import { RestError } from '../errors.ts'
import { csvToJson } from './csv.ts'
import { jsonShape } from './json-shape.ts'
import { type MediaType, mediaType, typeName } from './media-type.ts'
import { splitQuery } from './query.ts'

export type Payload =
  /** JSON text; `native` when it came as such. `keys` are those that every row has; undefined when `columns=` says which are read and nothing was looked at. */
  | {
      readonly kind: 'json'
      readonly bytes: Buffer
      readonly keys: readonly string[] | undefined
      readonly isArray: boolean | undefined
      readonly native: boolean
    }
  | { readonly kind: 'form'; readonly pairs: readonly (readonly [string, string])[] }
  /** For the single unnamed argument of a function. */
  | { readonly kind: 'raw'; readonly type: 'text' | 'xml' | 'octets'; readonly bytes: Buffer }

export interface PayloadContext {
  readonly contentType: string | undefined
  readonly call: boolean
  /** `columns=` was given: the keys need not be known. */
  readonly columnsGiven: boolean
}

const EMPTY_OBJECT = Buffer.from('{}')
const EMPTY_ARRAY = Buffer.from('[]')

/** Throws PGRST102. */
export function parsePayload(bytes: Buffer, { contentType, call, columnsGiven }: PayloadContext): Payload {
  const type: MediaType = contentType === undefined || contentType === '' ? { kind: 'json' } : mediaType(contentType)
  switch (type.kind) {
    case 'json':
      return jsonPayload(bytes, call, columnsGiven)
    case 'csv': {
      const { json, keys } = csvToJson(bytes.toString('utf8'))
      return { kind: 'json', bytes: Buffer.from(json), keys, isArray: true, native: false }
    }
    case 'form': {
      const { pairs } = splitQuery(bytes.toString('utf8'))
      if (call) return { kind: 'form', pairs }
      const row = Object.fromEntries(pairs)
      return { kind: 'json', bytes: Buffer.from(JSON.stringify(row)), keys: Object.keys(row), isArray: false, native: false }
    }
    case 'text':
    case 'xml':
    case 'octets':
      if (call) return { kind: 'raw', type: type.kind, bytes }
  }
  throw new RestError('PGRST102', { words: `Content-Type not acceptable: ${typeName(type)}` })
}

function jsonPayload(bytes: Buffer, call: boolean, columnsGiven: boolean): Payload {
  if (columnsGiven) return { kind: 'json', bytes, keys: undefined, isArray: undefined, native: true }
  if (bytes.length === 0 && call) return { kind: 'json', bytes: EMPTY_OBJECT, keys: [], isArray: false, native: true }
  const shape = jsonShape(bytes)
  if (shape === undefined) throw new RestError('PGRST102', { words: 'Empty or invalid json' })
  if (shape.kind === 'scalar') return { kind: 'json', bytes: EMPTY_ARRAY, keys: [], isArray: true, native: true }
  if (shape.kind === 'array' && !shape.uniform) throw new RestError('PGRST102', { words: 'All object keys must match' })
  return { kind: 'json', bytes, keys: shape.keys, isArray: shape.kind === 'array', native: true }
}
