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

/** Splits at `separator`, but not inside double quotes. */
function split(text: string, separator: string): string[] {
  if (!text.includes('"')) return text.split(separator)
  const parts: string[] = []
  let quoted = false
  let from = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '"') quoted = !quoted
    else if (text[at] === separator && !quoted) {
      parts.push(text.slice(from, at))
      from = at + 1
    }
  }
  parts.push(text.slice(from))
  return parts
}

/** One media type with its parameters. */
export function mediaType(text: string): MediaType {
  const simple = BY_NAME.get(text)
  if (simple !== undefined) return simple
  const [head = '', ...rest] = split(text, ';').map((part) => part.trim())
  const name = head.toLowerCase()
  const parameters = new Map(
    rest.map((part) => {
      const at = part.indexOf('=')
      return [
        part.slice(0, at).trim().toLowerCase(),
        part
          .slice(at + 1)
          .trim()
          .replace(/^"(.*)"$/, '$1'),
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
  return { kind: 'other', name: head }
}

const ANY: readonly MediaType[] = [ANY_TYPE]

/** The types that a client accepts, the best first. */
export function acceptedTypes(header: string | undefined): readonly MediaType[] {
  if (header === undefined || header === '' || header === '*/*') return ANY
  const weighted = split(header, ',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part, index) => ({ part: part.replace(/;\s*q=[^;]*/i, ''), index, weight: Number(/;\s*q=([\d.]+)/i.exec(part)?.[1] ?? 1) }))
  if (weighted.length > 1) weighted.sort((a, b) => b.weight - a.weight || a.index - b.index)
  return weighted.length === 0 ? ANY : weighted.map(({ part }) => mediaType(part))
}

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
