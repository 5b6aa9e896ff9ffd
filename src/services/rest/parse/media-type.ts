// Media types: what Accept and Content-Type name, in the order of preference, and how an answer's type is written.

export interface PlanOptions {
  readonly analyze: boolean
  readonly verbose: boolean
  readonly settings: boolean
  readonly buffers: boolean
  readonly wal: boolean
}

export type MediaType =
  | { readonly kind: 'json' | 'any' | 'csv' | 'geojson' | 'openapi' | 'form' | 'text' | 'xml' | 'octets' | 'array-stripped' }
  | { readonly kind: 'object'; readonly stripped: boolean }
  | { readonly kind: 'plan'; readonly of: MediaType; readonly format: 'text' | 'json'; readonly options: PlanOptions }
  | { readonly kind: 'other'; readonly name: string }

const BY_NAME: ReadonlyMap<string, MediaType> = new Map<string, MediaType>([
  ['application/json', { kind: 'json' }],
  ['*/*', { kind: 'any' }],
  ['text/csv', { kind: 'csv' }],
  ['application/geo+json', { kind: 'geojson' }],
  ['application/openapi+json', { kind: 'openapi' }],
  ['application/x-www-form-urlencoded', { kind: 'form' }],
  ['text/plain', { kind: 'text' }],
  ['text/xml', { kind: 'xml' }],
  ['application/octet-stream', { kind: 'octets' }],
])

export const JSON_TYPE: MediaType = { kind: 'json' }
export const ANY_TYPE: MediaType = { kind: 'any' }

/** One media type with its parameters. */
export function mediaType(text: string): MediaType {
  const simple = BY_NAME.get(text)
  if (simple !== undefined) return simple
  const [head = '', ...rest] = text.split(';').map((part) => part.trim())
  const name = head.toLowerCase()
  const parameters = new Map(
    rest.map((part) => {
      const [key = '', ...value] = part.split('=')
      return [
        key.trim().toLowerCase(),
        value
          .join('=')
          .trim()
          .replace(/^"+|"+$/g, ''),
      ] as const
    }),
  )
  const known = BY_NAME.get(name)
  if (known !== undefined) return known
  const stripped = parameters.get('nulls') === 'stripped'
  switch (name) {
    case 'application/vnd.pgrst.object':
    case 'application/vnd.pgrst.object+json':
      return { kind: 'object', stripped }
    case 'application/vnd.pgrst.array':
    case 'application/vnd.pgrst.array+json':
      return stripped ? { kind: 'array-stripped' } : JSON_TYPE
    case 'application/vnd.pgrst.plan':
    case 'application/vnd.pgrst.plan+text':
    case 'application/vnd.pgrst.plan+json': {
      const asked = (parameters.get('options') ?? '').split('|')
      const has = (option: string) => asked.includes(option)
      return {
        kind: 'plan',
        of: mediaType(parameters.get('for') ?? 'application/json'),
        format: name.endsWith('+json') ? 'json' : 'text',
        options: { analyze: has('analyze'), verbose: has('verbose'), settings: has('settings'), buffers: has('buffers'), wal: has('wal') },
      }
    }
  }
  return { kind: 'other', name: text }
}

const ANY: readonly MediaType[] = [ANY_TYPE]

/** The types that a client accepts: by weight, then those with more parameters and fewer stars first. */
export function acceptedTypes(header: string | undefined): readonly MediaType[] {
  if (header === undefined || header === '*/*') return ANY
  const parts = header.replaceAll(' ', '').split(',')
  if (parts.length === 1) return [mediaType(withoutWeight(parts[0]!))]
  return parts
    .map((part) => {
      const type = withoutWeight(part)
      const weight = /;q=(\d+(?:\.\d+)?)/.exec(part)?.[1]
      return { type, weight: weight === undefined ? 1 : Number(weight), precision: count(type, ';') - count(type, '*') }
    })
    .sort((a, b) => b.weight - a.weight || b.precision - a.precision)
    .map(({ type }) => mediaType(type))
}

/** What stands behind the weight is none of the type's parameters. */
const withoutWeight = (part: string): string => {
  const at = part.indexOf(';q=')
  return at < 0 ? part : part.slice(0, at)
}

const count = (text: string, wanted: string): number => text.split(wanted).length - 1

/** How the type is named in error messages and looked up among handlers. */
export function typeName(type: MediaType): string {
  switch (type.kind) {
    case 'other':
      return type.name
    case 'object':
      return `application/vnd.pgrst.object+json${type.stripped ? ';nulls=stripped' : ''}`
    case 'array-stripped':
      return 'application/vnd.pgrst.array+json;nulls=stripped'
    case 'plan': {
      const options = Object.entries(type.options).flatMap(([name, on]) => (on ? [name] : []))
      return `application/vnd.pgrst.plan+${type.format}; for="${typeName(type.of)}"${options.length > 0 ? `; options=${options.join('|')}` : ''}`
    }
    default:
      for (const [name, known] of BY_NAME) if (known.kind === type.kind) return name
      return '*/*'
  }
}

/** The value of Content-Type: custom types and bytes go without a charset. */
export function contentTypeOf(type: MediaType): string {
  if (type.kind === 'json') return 'application/json; charset=utf-8'
  if (type.kind === 'octets' || type.kind === 'other') return typeName(type)
  return `${typeName(type)}; charset=utf-8`
}
