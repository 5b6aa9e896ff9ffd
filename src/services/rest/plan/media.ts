// Which form the answer takes: the first accepted type that something can make.
import { RestError } from '../errors.ts'
import { JSON_TYPE, type MediaType, typeName } from '../parse/media-type.ts'
import type { MediaHandler, Name, SchemaCache } from '../schema-cache/types.ts'
import type { BodyForm } from '../sql/body.ts'

export interface Negotiated {
  readonly form: BodyForm
  /** What the answer is sent as. */
  readonly type: MediaType
}

export interface MediaRequest {
  readonly accepted: readonly MediaType[]
  /** The relation or function whose rows are sent. */
  readonly subject: Name
  /** The function, when a function is called: it may make the type by itself. */
  readonly routine: Name | undefined
  /** Handlers bound to a table work only on whole rows. */
  readonly defaultSelect: boolean
  readonly planEnabled: boolean
}

/** Throws PGRST107. */
export function negotiate(cache: SchemaCache, request: MediaRequest): Negotiated {
  const { accepted } = request
  if (accepted.length === 1 && cache.handlers.length === 0) {
    const [type] = accepted
    if (type!.kind === 'any' || type!.kind === 'json') return DEFAULT
  }
  for (const type of accepted) {
    const found = formOf(cache, type, request)
    if (found !== undefined) return found
  }
  throw new RestError('PGRST107', { words: accepted.map(typeName).join(', ') })
}

const ARRAY: BodyForm = { kind: 'array', stripped: false }
const DEFAULT: Negotiated = { form: ARRAY, type: JSON_TYPE }

function formOf(cache: SchemaCache, type: MediaType, request: MediaRequest): Negotiated | undefined {
  switch (type.kind) {
    case 'object':
      return { form: { kind: 'object', stripped: type.stripped }, type }
    case 'array-stripped':
      return { form: { kind: 'array', stripped: true }, type }
    case 'plan': {
      if (!request.planEnabled) return undefined
      const inner = formOf(cache, type.of, request)
      return inner && { form: inner.form, type }
    }
  }
  return custom(cache, type, request) ?? builtIn(type)
}

function custom(cache: SchemaCache, type: MediaType, { subject, routine, defaultSelect }: MediaRequest): Negotiated | undefined {
  if (cache.handlers.length === 0) return undefined
  const name = typeName(type)
  const own = (handler: MediaHandler): boolean =>
    handler.target !== undefined &&
    (handler.kind === 'function'
      ? routine !== undefined && handler.target.schema === routine.schema && handler.target.name === routine.name
      : defaultSelect && handler.target.schema === subject.schema && handler.target.name === subject.name)
  const anything = cache.handlers.find((handler) => own(handler) && handler.mediaType === '*/*')
  if (anything !== undefined) return { form: { kind: 'handler', handler: anything }, type: { kind: 'octets' } }
  const handler =
    cache.handlers.find((candidate) => own(candidate) && candidate.mediaType === name) ??
    cache.handlers.find((candidate) => candidate.target === undefined && candidate.mediaType === name)
  if (handler === undefined) return undefined
  return { form: { kind: 'handler', handler }, type: handler.mediaType === '*/*' ? { kind: 'octets' } : type }
}

function builtIn(type: MediaType): Negotiated | undefined {
  switch (type.kind) {
    case 'json':
    case 'any':
      return DEFAULT
    case 'csv':
      return { form: { kind: 'csv' }, type }
    case 'geojson':
      return { form: { kind: 'geojson' }, type }
    default:
      return undefined
  }
}
