// The query string: reserved parameters, filters and arguments, each read by its own grammar.
import { RestError } from '../errors.ts'
import { type Filter, type LogicTree, logicTree, looksLikeOperation, operation } from './filter.ts'
import { logicRule, namesRule, operationRule, orderRule, segmentsRule, selectRule, treePathRule } from './grammar.ts'
import { type Field, fieldName, jsonPath } from './names.ts'
import { type OrderTerm, orderTerms } from './order.ts'
import { explain, type Recogniser } from './recogniser.ts'
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

/** The parameters in order, parted by `&` or `;`. One without `=` says nothing, but it is told in the canonical form. */
export function splitQuery(text: string): { pairs: [string, string][]; bare: string[] } {
  const pairs: [string, string][] = []
  const bare: string[] = []
  if (text === '') return { pairs, bare }
  for (const part of text.replace(/[&;]$/, '').split(/[&;]/)) {
    const at = part.indexOf('=')
    if (at >= 0) pairs.push([decodeComponent(part.slice(0, at)), decodeComponent(part.slice(at + 1))])
    else bare.push(decodeComponent(part))
  }
  return { pairs, bare }
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
    // Of these the first one counts.
    if (name === 'select') select ??= read(SELECT, value)
    else if (name === 'columns') columns ??= read(COLUMNS, value)
    else if (name === 'on_conflict') onConflict ??= read(ON_CONFLICT, value)
    else {
      const reserved = RESERVED_END.exec(name)?.[1]
      if (reserved === 'order') query.order.push({ path: read(TREE_PATH, name).path, terms: read(ORDER, value) })
      else if (reserved === 'limit' || reserved === 'offset') {
        const { path } = read(TREE_PATH, name)
        const key = JSON.stringify(path)
        const entry = limits.get(key) ?? { path, limits: {} }
        limits.set(key, entry)
        // The last one counts, also when it is no number.
        delete entry.limits[reserved]
        if (/^-?\d+$/.test(value.trim()) && (reserved === 'limit' || !value.trim().startsWith('-'))) entry.limits[reserved] = Number(value)
      } else if (reserved === 'and' || reserved === 'or') query.logic.push(logicParameter(name, value))
      else if (!call || isFilter(value)) query.filters.push(filterParameter(name, value))
      else args.push([read(TREE_PATH, name).field.name, value])
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

/**
 * `a=1&b=2` with names in order and everything but unreserved characters escaped; values of one name are joined by commas. Upstream escapes the
 * bytes of other characters as if each were a character of its own, and so does this: clients compare the two.
 */
export function canonicalQuery(pairs: readonly (readonly [string, string])[], bare: readonly string[] = []): string {
  const byName = new Map<string, string[]>()
  const all = [...pairs, ...bare.map((name): [string, string] => [name, ''])]
  for (const [name, value] of all) {
    const values = byName.get(name)
    if (values === undefined) byName.set(name, [value])
    else values.push(value)
  }
  const names = [...byName.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return names.map((name) => `${encodeBytes(name)}=${byName.get(name)!.map(encodeBytes).join(',')}`).join('&')
}

export const encodeBytes = (text: string): string => encode(/^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text).toString('latin1'))

export function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** A rule of the scanner with the rule that knows why the text was refused. */
interface Rule<T> {
  readonly what: string
  readonly read: (scanner: Scanner) => T
  readonly second: Recogniser
}

const SELECT: Rule<SelectItem[]> = { what: 'select parameter', read: (scanner) => selectList(scanner), second: selectRule }
const COLUMNS: Rule<string[]> = { what: 'columns parameter', read: names, second: namesRule }
const ON_CONFLICT: Rule<string[]> = { what: 'on_conflict parameter', read: names, second: namesRule }
const ORDER: Rule<OrderTerm[]> = { what: 'order', read: orderTerms, second: orderRule }
const FILTER: Rule<ReturnType<typeof operation>> = { what: 'filter', read: (scanner) => operation(scanner), second: operationRule }
const TREE_PATH: Rule<{ path: string[]; field: Field }> = { what: 'tree path', read: treePath, second: treePathRule }
const LOGIC_PATH: Rule<string[]> = { what: 'logic path', read: segments, second: segmentsRule }
const LOGIC_TREE: Rule<LogicTree> = { what: 'logic tree', read: (scanner) => logicTree(scanner), second: logicRule }

/** `prefix` stands before the text in the grammar, but not in what the client sees quoted. */
function read<T>({ what, read: rule, second }: Rule<T>, text: string, prefix = ''): T {
  const scanner = new Scanner(prefix + text)
  try {
    return rule(scanner)
  } catch (error) {
    if (!(error instanceof Unparsable)) throw error
    const { reason } = error
    const why = reason === undefined ? explain(second, prefix + text) : { line: 1, column: scanner.at + 1, details: reason }
    throw new RestError('PGRST100', {
      words: `"failed to parse ${what} (${text})" (line ${why?.line ?? 1}, column ${why?.column ?? 1})`,
      details: why?.details ?? 'unknown parse error',
    })
  }
}

/** Whether a parameter of a function that is called by GET is a filter of its result. */
function isFilter(value: string): boolean {
  return looksLikeOperation(value) || new Scanner(value).attempt(() => operation(new Scanner(value))) !== undefined
}

function filterParameter(name: string, value: string): { path: EmbedPath; filter: Filter } {
  const { path, field } = read(TREE_PATH, name)
  const { negated, operation: what } = read(FILTER, value)
  return { path, filter: { field, negated, operation: what } }
}

/** `rel.rel2.column->path`. What follows it is ignored. */
function treePath(scanner: Scanner): { path: string[]; field: Field } {
  const path = segments(scanner)
  const name = path.pop()!
  return { path, field: { name, path: jsonPath(scanner) } }
}

function segments(scanner: Scanner): string[] {
  const path: string[] = []
  do path.push(fieldName(scanner))
  while (scanner.take('.'))
  return path
}

/** `not` may stand anywhere before the operator. */
function logicParameter(name: string, value: string): { path: EmbedPath; tree: LogicTree } {
  const words = read(LOGIC_PATH, name)
  const path = words.slice(0, -1).filter((word) => word !== 'not')
  return { path, tree: read(LOGIC_TREE, value, `${words.includes('not') ? 'not.' : ''}${words.at(-1)}`) }
}

/** What follows the list is ignored. */
function names(scanner: Scanner): string[] {
  const list: string[] = []
  do list.push(fieldName(scanner))
  while (scanner.separated(','))
  return list
}
