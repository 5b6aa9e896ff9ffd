// The meaning of a call: which of the overloads, and where its arguments come from.
import { RestError } from '../errors.ts'
import type { Payload } from '../parse/payload.ts'
import { type Argument, keyOf, type Routine, type SchemaCache } from '../schema-cache/types.ts'
import { similar } from './fuzzy.ts'

export type CallArguments =
  /** By name from the URL or a form; each is cast to its declared type. */
  | { readonly kind: 'values'; readonly args: readonly { readonly argument: Argument; readonly value: string | readonly string[] }[] }
  /** By name from a JSON object. */
  | { readonly kind: 'json'; readonly args: readonly Argument[]; readonly bytes: Buffer; readonly isArray: boolean }
  /** The whole body as the single unnamed argument. */
  | { readonly kind: 'whole'; readonly argument: Argument; readonly bytes: Buffer }

export interface CallPlan {
  readonly routine: Routine
  /** Functions of the result's row that are asked for as if they were columns. */
  readonly computed: readonly string[]
  readonly args: CallArguments
}

export interface CallRequest {
  readonly schema: string
  readonly name: string
  /** Names of the arguments that are given. */
  readonly names: readonly string[]
  /** What the body could be as a whole, on POST. */
  readonly whole: 'json' | 'text' | 'xml' | 'octets' | undefined
}

const WHOLE_TYPES: Readonly<Record<string, readonly string[]>> = {
  json: ['json', 'jsonb'],
  text: ['text'],
  xml: ['xml'],
  octets: ['bytea'],
}

/** Throws PGRST202 when no overload fits and PGRST203 when several do. */
export function findRoutine(cache: SchemaCache, request: CallRequest): Routine {
  const overloads = cache.routines.get(keyOf(request.schema, request.name)) ?? []
  const fitting = overloads.filter((routine) => fits(routine, request))
  if (fitting.length === 1) return fitting[0]!
  if (fitting.length > 1) {
    const named = fitting.filter((routine) => !isWhole(routine, request))
    // A function that takes the whole body is the fallback when another is called by its argument names.
    if (named.length === 1 && named.length < fitting.length) return named[0]!
    throw new RestError('PGRST203', {
      words: `Could not choose the best candidate function between: ${fitting.map(signature).join(', ')}`,
      hint: 'Try renaming the parameters or the function itself in the database so function overloading can be resolved',
    })
  }
  throw notFound(cache, request, overloads)
}

const isWhole = ({ args }: Routine, { whole }: CallRequest): boolean =>
  whole !== undefined && args.length === 1 && args[0]!.name === '' && WHOLE_TYPES[whole]!.includes(args[0]!.type)

function fits(routine: Routine, request: CallRequest): boolean {
  if (isWhole(routine, request)) return true
  // A text, XML or bytes body has no names that could be matched.
  if (request.whole !== undefined && request.whole !== 'json') return false
  const given = new Set(request.names)
  for (const { name, required } of routine.args) {
    if (given.has(name)) given.delete(name)
    else if (required) return false
  }
  return given.size === 0
}

const signature = ({ schema, name, args }: Routine): string =>
  `${schema}.${name}(${args.map((argument) => `${argument.name} => ${argument.type}`).join(', ')})`

function notFound(cache: SchemaCache, { schema, name, names, whole }: CallRequest, overloads: readonly Routine[]): RestError {
  const raw = whole !== undefined && whole !== 'json'
  const sorted = [...new Set(names)].sort()
  const called = `${schema}.${name}`
  const list = sorted.length === 0 ? '' : `(${sorted.join(', ')})`
  const without = sorted.length === 0 && !raw ? ' without parameters' : ''
  const single =
    whole === undefined
      ? ''
      : ` ${raw || sorted.length === 0 ? (raw ? 'with' : 'or with') : 'or with'} a single unnamed ${whole === 'json' ? 'json/jsonb' : whole === 'octets' ? 'bytea' : whole} parameter`
  const detailWords = raw
    ? single
    : sorted.length === 0
      ? `${without}${single}`
      : ` with parameter${sorted.length > 1 ? 's' : ''} ${sorted.join(', ')}${single}`
  let hint: string | null = null
  if (raw) hint = null
  else if (overloads.length === 0) {
    const inSchema = [...cache.routines.values()].flatMap(([first]) => (first?.schema === schema ? [first.name] : []))
    const match = similar(inSchema, name, 0.75)[0]
    if (match) hint = `Perhaps you meant to call the function ${schema}.${match.value}`
  } else {
    const lists = overloads.map(
      ({ args }) =>
        `(${args
          .map((argument) => argument.name)
          .sort()
          .join(', ')})`,
    )
    const match = similar(lists, `(${sorted.join(', ')})`, 0.33)[0]
    if (match) hint = `Perhaps you meant to call the function ${called}${match.value === '()' ? '' : match.value}`
  }
  return new RestError('PGRST202', {
    words: `Could not find the function ${called}${raw ? '' : list}${without} in the schema cache`,
    details: `Searched for the function ${called}${detailWords}, but no matches were found in the schema cache.`,
    hint,
  })
}

/** Arguments from the URL or a form: a repeated name is the list of a variadic argument, otherwise the last one counts. */
export function valueArguments(routine: Routine, pairs: readonly (readonly [string, string])[]): CallArguments {
  const byName = new Map<string, string[]>()
  for (const [name, value] of pairs) byName.set(name, [...(byName.get(name) ?? []), value])
  const args = routine.args.flatMap((argument) => {
    const values = byName.get(argument.name)
    if (values === undefined) return []
    return [{ argument, value: argument.variadic ? values : values.at(-1)! }]
  })
  return { kind: 'values', args }
}

/** Arguments from a body. */
export function bodyArguments(routine: Routine, payload: Payload, request: CallRequest): CallArguments {
  if (payload.kind === 'form') return valueArguments(routine, payload.pairs)
  if (isWhole(routine, request)) return { kind: 'whole', argument: routine.args[0]!, bytes: payload.bytes }
  if (payload.kind === 'raw') throw new RestError('PGRSTX00', { words: 'A raw body needs a function with one unnamed argument' })
  const given = new Set(request.names)
  return {
    kind: 'json',
    args: routine.args.filter(({ name }) => given.has(name)),
    bytes: payload.bytes,
    isArray: payload.isArray ?? payload.bytes[0] === 0x5b,
  }
}
