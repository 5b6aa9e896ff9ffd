// Brings what a file, labels, flags or variables say into the form of a schema: names in any letter case, texts as the numbers,
// lists and structures that they stand for. The schema itself then checks the values.
import type { z } from 'zod'

export type Raw = string | number | boolean | null | undefined | readonly Raw[] | { readonly [key: string]: Raw }

export interface ConfigProblem {
  readonly where: string
  readonly what: string
}

/** What was read is no configuration: every problem at once. */
export class TraefikConfigError extends Error {
  readonly problems: readonly ConfigProblem[]
  constructor(origin: string, problems: readonly ConfigProblem[]) {
    super(`${origin}:\n${problems.map(({ where, what }) => `  ${where ? `${where}: ` : ''}${what}`).join('\n')}`)
    this.name = 'TraefikConfigError'
    this.problems = problems
  }
}

/** Throws TraefikConfigError. `origin` names the source in its message. */
export function readShape<Schema extends z.ZodType>(raw: Raw, schema: Schema, origin: string): z.output<Schema> {
  const problems: ConfigProblem[] = []
  const conformed = conform(raw, schema, [], problems)
  if (problems.length > 0) throw new TraefikConfigError(origin, problems)
  const parsed = schema.safeParse(conformed ?? {})
  if (parsed.success) return parsed.data
  throw new TraefikConfigError(
    origin,
    parsed.error.issues.map(({ path, message }) => ({ where: path.join('.'), what: message })),
  )
}

interface Definition {
  readonly type: string
  readonly innerType?: z.ZodType
  readonly in?: z.ZodType
  readonly element?: z.ZodType
  readonly valueType?: z.ZodType
}

function conform(raw: Raw, schema: z.ZodType, path: readonly string[], problems: ConfigProblem[]): unknown {
  const definition = schema.def as unknown as Definition
  switch (definition.type) {
    case 'optional':
    case 'default':
    case 'prefault':
    case 'nullable':
      return raw === undefined ? undefined : conform(raw, definition.innerType!, path, problems)
    case 'pipe':
      return conform(raw, definition.in!, path, problems)
    case 'object':
      return conformObject(raw, schema as z.ZodObject, path, problems)
    case 'record':
      return conformRecord(raw, definition.valueType!, path, problems)
    case 'array':
      return conformList(raw, definition.element!, path, problems)
    case 'number':
      return typeof raw === 'string' && /^[-+]?\d+(?:\.\d+)?$/.test(raw.trim()) ? Number(raw) : raw
    case 'boolean':
      return typeof raw === 'string' && /^(?:true|false|1|0|t|f)$/i.test(raw.trim()) ? /^[1t]/i.test(raw.trim()) : raw
    case 'string':
    case 'enum':
      return typeof raw === 'number' || typeof raw === 'boolean' ? String(raw) : raw === null ? '' : raw
    default:
      return raw
  }
}

/** `compress=true` and `compress: {}` both stand for a structure without options. */
function conformObject(raw: Raw, schema: z.ZodObject, path: readonly string[], problems: ConfigProblem[]): unknown {
  if (raw === null || raw === '' || raw === true || (typeof raw === 'string' && raw.toLowerCase() === 'true')) return {}
  if (raw === false || (typeof raw === 'string' && raw.toLowerCase() === 'false')) return undefined
  if (typeof raw !== 'object' || raw === undefined || Array.isArray(raw)) {
    problems.push({ where: path.join('.'), what: 'expected a structure' })
    return undefined
  }
  const fields = new Map(Object.keys(schema.shape).map((name) => [name.toLowerCase(), name]))
  const aliases = (schema.meta() ?? {}) as { aliases?: Readonly<Record<string, string>> }
  const out: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(raw as Readonly<Record<string, Raw>>)) {
    const lower = key.toLowerCase()
    const alias = aliases.aliases && Object.hasOwn(aliases.aliases, lower) ? aliases.aliases[lower] : undefined
    const name = fields.get(alias ?? lower)
    if (name === undefined) {
      problems.push({ where: [...path, key].join('.'), what: `field not found, node: ${key}` })
      continue
    }
    const inner = conform(value, schema.shape[name] as z.ZodType, [...path, name], problems)
    if (inner !== undefined) out[name] = inner
  }
  return out
}

function conformRecord(raw: Raw, value: z.ZodType, path: readonly string[], problems: ConfigProblem[]): unknown {
  if (raw === null || raw === '') return {}
  if (typeof raw !== 'object' || raw === undefined || Array.isArray(raw)) {
    problems.push({ where: path.join('.'), what: 'expected names with values' })
    return undefined
  }
  const entries = Object.entries(raw as Readonly<Record<string, Raw>>).map(
    ([key, item]) => [key, conform(item, value, [...path, key], problems)] as const,
  )
  // Names are the user's: `__proto__` is one like any other.
  return Object.defineProperties(
    {},
    Object.fromEntries(
      entries
        .filter(([, item]) => item !== undefined)
        .map(([key, item]) => [key, { value: item, enumerable: true, writable: true, configurable: true }]),
    ),
  )
}

function conformList(raw: Raw, element: z.ZodType, path: readonly string[], problems: ConfigProblem[]): unknown {
  let items: readonly Raw[]
  if (Array.isArray(raw)) items = raw as readonly Raw[]
  else if (typeof raw === 'string') items = raw === '' ? [] : raw.split(',').map((item) => item.trim())
  else if (raw === null) items = []
  // One structure stands for a list of one: `loadbalancer.server.port`.
  else items = [raw as Raw]
  return items.map((item, at) => conform(item, element, [...path, String(at)], problems))
}
