// The query string: reserved parameters, filters and arguments, each read by its own grammar.
import { RestError } from '../errors.ts'
import { conditions, type Filter, type LogicTree, operation } from './filter.ts'
import { type Field, fieldName, jsonPath } from './names.ts'
import { type OrderTerm, orderTerms } from './order.ts'
import { Scanner, Unparsable } from './scanner.ts'
import { type SelectItem, selectList } from './select.ts'

/** Where in the tree of embeds something belongs: names from the root down, empty for the root. */
export type EmbedPath = readonly string[]

export interface Limits {
  offset?: number
  limit?: number
}

export interface Query {
  readonly select: readonly SelectItem[]
  /** `columns=`; undefined when it was not given. */
  readonly columns: readonly string[] | undefined
  readonly onConflict: readonly string[] | undefined
  readonly filters: readonly { readonly path: EmbedPath; readonly filter: Filter }[]
  readonly logic: readonly { readonly path: EmbedPath; readonly tree: LogicTree }[]
  readonly order: readonly { readonly path: EmbedPath; readonly terms: readonly OrderTerm[] }[]
  readonly limits: readonly { readonly path: EmbedPath; readonly limits: Limits }[]
  /** Arguments of a function that is called by GET. */
  readonly args: readonly (readonly [name: string, value: string])[]
  /** All parameters sorted by name and encoded anew, for Content-Location. */
  readonly canonical: string
}

/** `+` is a space; broken escapes and bytes that are no UTF-8 become replacement characters instead of an error. */
export function decodeComponent(text: string): string {
  if (!/[%+]/.test(text)) return text
  const spaced = text.replaceAll('+', ' ')
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    const bytes: Buffer[] = spaced
      .split(/(%[0-9a-fA-F]{2})/)
      .map((part) => (/^%[0-9a-fA-F]{2}$/.test(part) ? Buffer.from(part.slice(1), 'hex') : Buffer.from(part)))
    return Buffer.concat(bytes).toString('utf8')
  }
}

/** The parameters in order; one without `=` is dropped. */
export function splitQuery(text: string): [string, string][] {
  const pairs: [string, string][] = []
  if (text === '') return pairs
  for (const part of text.split('&')) {
    const at = part.indexOf('=')
    if (at >= 0) pairs.push([decodeComponent(part.slice(0, at)), decodeComponent(part.slice(at + 1))])
  }
  return pairs
}

const RESERVED_END = /(?:^|\.)(order|limit|offset|and|or)$/

/** Throws PGRST100. `call`: parameters that are no filters are arguments. */
export function parseQuery(pairs: readonly (readonly [string, string])[], call: boolean): Query {
  const query = { filters: [] as Query['filters'][number][], logic: [] as Query['logic'][number][], order: [] as Query['order'][number][] }
  const limits = new Map<string, { path: EmbedPath; limits: Limits }>()
  const args: [string, string][] = []
  let select: readonly SelectItem[] | undefined
  let columns: readonly string[] | undefined
  let onConflict: readonly string[] | undefined
  for (const [name, value] of pairs) {
    if (name === 'select') select = grammar('select parameter', value, (scanner) => selectList(scanner))
    else if (name === 'columns') columns = grammar('columns parameter', value, (scanner) => names(scanner))
    else if (name === 'on_conflict') onConflict = grammar('on_conflict parameter', value, (scanner) => names(scanner))
    else {
      const reserved = RESERVED_END.exec(name)?.[1]
      if (reserved === 'order') query.order.push({ path: pathBefore(name), terms: grammar('order', value, orderTerms) })
      else if (reserved === 'limit' || reserved === 'offset') {
        const path = pathBefore(name)
        const key = JSON.stringify(path)
        const entry = limits.get(key) ?? { path, limits: {} }
        limits.set(key, entry)
        if (/^[+-]?\d+$/.test(value.trim()) && (reserved === 'limit' || !value.trim().startsWith('-')))
          entry.limits[reserved] = Number(value)
      } else if (reserved === 'and' || reserved === 'or') query.logic.push(logicParameter(name, value, reserved))
      else if (!call || isFilter(value)) query.filters.push(filterParameter(name, value))
      else args.push([name, value])
    }
  }
  return {
    ...query,
    select: select === undefined || select.length === 0 ? EVERYTHING : select,
    columns,
    onConflict,
    limits: [...limits.values()],
    args,
    canonical: '',
  }
}

const EVERYTHING: readonly SelectItem[] = [
  { kind: 'field', field: { name: '*', path: [] }, alias: undefined, cast: undefined, aggregate: undefined, aggregateCast: undefined },
]

/** `a=1&b=2` with names in order and everything but unreserved characters escaped. */
export function canonicalQuery(pairs: readonly (readonly [string, string])[]): string {
  const encoded = pairs.map(([name, value], index) => ({ name, index, text: `${encode(name)}=${encode(value)}` }))
  encoded.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.index - b.index))
  return encoded.map(({ text }) => text).join('&')
}

export function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}

function grammar<T>(what: string, input: string, rule: (scanner: Scanner) => T, shown = input, start = 0): T {
  const scanner = new Scanner(input)
  scanner.at = start
  try {
    return rule(scanner)
  } catch (error) {
    if (!(error instanceof Unparsable)) throw error
    throw new RestError('PGRST100', {
      words: `"failed to parse ${what} (${shown})" (line 1, column ${error.column})`,
      details: error.details,
    })
  }
}

function isFilter(value: string): boolean {
  try {
    operation(new Scanner(value))
    return true
  } catch (error) {
    if (error instanceof Unparsable) return false
    throw error
  }
}

function filterParameter(name: string, value: string): { path: EmbedPath; filter: Filter } {
  const { path, field } = grammar('tree path', name, treePath)
  const { negated, operation: what } = grammar('filter', value, (scanner) => operation(scanner))
  return { path, filter: { field, negated, operation: what } }
}

/** `rel.rel2.column->path`. */
function treePath(scanner: Scanner): { path: string[]; field: Field } {
  const path = [fieldName(scanner)]
  while (scanner.take('.', 'delimiter (.)')) path.push(fieldName(scanner))
  const name = path.pop()!
  const steps = jsonPath(scanner)
  scanner.spaces()
  if (!scanner.atEnd) {
    scanner.expect('end of input')
    scanner.fail()
  }
  return { path, field: { name, path: steps } }
}

function segments(scanner: Scanner): string[] {
  const path = [fieldName(scanner)]
  while (scanner.take('.', 'delimiter (.)')) path.push(fieldName(scanner))
  return path
}

function pathBefore(name: string): EmbedPath {
  return grammar('tree path', name, segments).slice(0, -1)
}

function logicParameter(name: string, value: string, operator: 'and' | 'or'): { path: EmbedPath; tree: LogicTree } {
  const path = grammar('logic path', name, segments).slice(0, -1)
  const negated = path.at(-1) === 'not'
  if (negated) path.pop()
  const prefix = `${negated ? 'not.' : ''}${operator}`
  const children = grammar('logic tree', prefix + value, (scanner) => conditions(scanner), value, prefix.length)
  return { path, tree: { kind: 'logic', negated, operator, children } }
}

function names(scanner: Scanner): string[] {
  const list: string[] = []
  for (;;) {
    scanner.spaces()
    list.push(fieldName(scanner))
    scanner.spaces()
    if (scanner.take(',')) continue
    if (!scanner.atEnd) {
      scanner.expect('end of input')
      scanner.fail()
    }
    return list
  }
}
