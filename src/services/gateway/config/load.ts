// A declarative file to checked entities: reads the text, fills in variables, checks every field and reference, and reports every
// mistake at once. Nothing of a file with a mistake is used.

import { z } from 'zod'
import type { Plugin } from '../plugin.ts'
import { isOfKong } from '../plugins/of-kong.ts'
import { type Entities, type Entity, expandUrl, type KindName, kinds } from './entities.ts'
import { IssuerError } from './expression-variables.ts'
import { type Reference, referenceText } from './fields.ts'
import { stableId } from './ids.ts'
import { type Problem, problemFields, problemsOf, problemTree, type Where } from './problems.ts'
import { type FormatVersion, PathError, parsePath } from './route-path.ts'
import { readDocument, SyntaxProblem, type Variables } from './substitute.ts'

export interface LoadOptions {
  /** What the file is called in messages. */
  readonly name: string
  readonly variables: Variables
  /** Those that the file may use, by name. */
  readonly plugins: ReadonlyMap<string, Plugin>
}

export interface Configuration {
  readonly version: FormatVersion
  /** False: passwords are given hashed. */
  readonly transform: boolean
  readonly entities: Entities
  /** Variables of credentials that were left out because they are not set. */
  readonly unset: readonly string[]
}

/** Everything that is wrong with a file, in one message. */
export class ConfigurationError extends Error {
  readonly problems: readonly Problem[]
  constructor(name: string, problems: readonly Problem[]) {
    super(`error parsing declarative config file ${name}:\n${problemTree(problems)}`)
    this.name = 'ConfigurationError'
    this.problems = problems
  }

  get fields(): unknown {
    return problemFields(this.problems)
  }
}

const top = z.looseObject({
  _format_version: z.enum(['1.1', '2.1', '3.0']),
  _transform: z.boolean().default(true),
})

/** Throws ConfigurationError. */
export function loadConfiguration(text: string, { name, variables, plugins }: LoadOptions): Configuration {
  const { value, unset } = parse(text, name, variables)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ConfigurationError(name, [{ where: [], what: 'expected a record of entities' }])
  const problems: Problem[] = []
  const head = top.safeParse(value)
  if (!head.success) problems.push(...problemsOf(head.error, value, []))
  const reader = new Reader(problems, head.data?._format_version ?? '2.1', plugins)
  for (const [key, list] of Object.entries(value)) {
    if (Object.hasOwn(kinds, key)) reader.readList(key as KindName, list, [key])
    else if (!['_format_version', '_transform', '_comment', '_ignore'].includes(key)) problems.push({ where: [key], what: 'unknown field' })
  }
  reader.link()
  if (problems.length > 0 || !head.success) throw new ConfigurationError(name, problems)
  return { version: head.data._format_version, transform: head.data._transform, entities: reader.entities, unset }
}

function parse(text: string, name: string, variables: Variables) {
  try {
    return readDocument(text, variables)
  } catch (error) {
    if (error instanceof SyntaxProblem || error instanceof IssuerError)
      throw new ConfigurationError(name, [{ where: [], what: error.message }])
    throw error
  }
}

interface Draft {
  readonly kind: KindName
  readonly id: string
  readonly fields: Record<string, unknown>
  readonly where: Where
  readonly links: Record<string, string | undefined>
  /** Where a reference stands, by field; nested entities point to what they stand in without a name. */
  readonly parents: Readonly<Record<string, string>>
}

class Reader {
  readonly #problems: Problem[]
  readonly #version: FormatVersion
  readonly #plugins: ReadonlyMap<string, Plugin>
  readonly #drafts: Draft[] = []
  readonly #seen = new Map<string, Map<string, string>>()

  constructor(problems: Problem[], version: FormatVersion, plugins: ReadonlyMap<string, Plugin>) {
    this.#problems = problems
    this.#version = version
    this.#plugins = plugins
  }

  readList(kind: KindName, list: unknown, where: Where, parents: Readonly<Record<string, string>> = {}): void {
    if (list === null || list === undefined) return
    if (!Array.isArray(list)) {
      this.#problems.push({ where, what: 'expected an array' })
      return
    }
    for (const [i, item] of list.entries()) this.#readEntity(kind, item, [...where, i], parents)
  }

  #readEntity(kind: KindName, given: unknown, where: Where, parents: Readonly<Record<string, string>>): void {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) {
      this.#problems.push({ where, what: 'expected a record' })
      return
    }
    const { schema, key, nested } = kinds[kind]
    const own: Record<string, unknown> = {}
    const inner: [KindName, unknown][] = []
    for (const [field, value] of Object.entries(given)) {
      if (Object.hasOwn(nested, field)) inner.push([field as KindName, value])
      // A field that is null is one that is not there.
      else if (field !== '_comment' && field !== '_ignore' && value !== null) own[field] = value
    }
    const expanded = kind === 'services' ? expandUrl(own) : own
    const pointing = { ...expanded, ...parents }
    const checked = schema.safeParse(pointing)
    if (!checked.success) this.#problems.push(...problemsOf(checked.error, pointing, where))
    if (kind === 'routes') this.#checkPaths(own, where)
    if (kind === 'plugins') this.#checkPlugin(own, where, 'consumer' in pointing)
    const name = typeof expanded[key] === 'string' ? expanded[key] : undefined
    const id =
      typeof own['id'] === 'string' ? own['id'] : stableId(kind, name === undefined ? where.join('/') : identity(kind, name, where))
    if (name !== undefined) this.#register(kind, name, id, where)
    if (checked.success) this.#drafts.push({ kind, id, fields: checked.data, where, links: {}, parents })
    // An entity with a mistake is still known to what stands inside it, so that one mistake is told once.
    for (const [innerKind, list] of inner) this.readList(innerKind, list, [...where, innerKind], { [nested[innerKind]!]: id })
  }

  #register(kind: KindName, name: string, id: string, where: Where): void {
    const names = this.#seen.get(kind) ?? new Map<string, string>()
    this.#seen.set(kind, names)
    if (names.has(name) && UNIQUE.has(kind)) {
      const shown = SECRET_KEYS.has(kind) ? '' : ` set to '${name}'`
      this.#problems.push({ where, what: `uniqueness violation: '${kind}' entity with ${kinds[kind].key}${shown} already declared` })
    }
    names.set(name, id)
    names.set(id, id)
  }

  // Which paths are regular expressions, and so what is wrong with them, depends on the version of the file.
  #checkPaths({ paths }: Record<string, unknown>, where: Where): void {
    if (!Array.isArray(paths)) return
    for (const [i, path] of paths.entries()) {
      if (typeof path !== 'string') continue
      try {
        parsePath(path, this.#version)
      } catch (error) {
        if (!(error instanceof PathError)) throw error
        this.#problems.push({ where: [...where, 'paths', i], what: error.message })
      }
    }
  }

  #checkPlugin({ name, config }: Record<string, unknown>, where: Where, bound: boolean): void {
    if (typeof name !== 'string') return
    const plugin = this.#plugins.get(name)
    if (!plugin) {
      this.#problems.push({
        where: [...where, 'name'],
        what: isOfKong(name)
          ? `plugin '${name}' of Kong is not served here; take it out, or write one of that name (docs/gateway-plugins.md)`
          : `plugin '${name}' not enabled; add it to the 'plugins' configuration property`,
      })
      return
    }
    if (bound && !plugin.takesConsumer) this.#problems.push({ where: [...where, 'consumer'], what: 'value must be null' })
    const given = withoutNulls(config ?? {})
    const checked = plugin.config.safeParse(given)
    if (!checked.success) this.#problems.push(...problemsOf(checked.error, given, [...where, 'config']))
  }

  /** Resolves every reference by name or id. */
  link(): void {
    for (const draft of this.#drafts) {
      for (const [field, target] of Object.entries(kinds[draft.kind].references)) {
        const parent = draft.parents[field]
        const given = draft.fields[field] as Reference | undefined
        if (given === undefined) continue
        const name = referenceText(given)
        const id = parent ?? this.#seen.get(target)?.get(name)
        if (id === undefined)
          this.#problems.push({ where: draft.where, what: `invalid reference '${field}: ${name}' (no such entry in '${target}')` })
        draft.links[field] = id
      }
    }
  }

  get entities(): Entities {
    const all = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, [] as Entity<unknown>[]]))
    for (const { kind, id, fields, links, where } of this.#drafts) all[kind]!.push({ id, fields, links, where })
    return all as unknown as Entities
  }
}

const UNIQUE: ReadonlySet<string> = new Set([
  'services',
  'routes',
  'consumers',
  'upstreams',
  'keyauth_credentials',
  'basicauth_credentials',
  'jwt_secrets',
  'hmacauth_credentials',
  'snis',
])
const SECRET_KEYS: ReadonlySet<string> = new Set(['keyauth_credentials', 'jwt_secrets'])

/** Names are unique for these; the others are told apart by where they stand. */
function identity(kind: KindName, name: string, where: Where): string {
  return UNIQUE.has(kind) ? name : `${where.join('/')}:${name}`
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, withoutNulls(inner)]),
  )
}
