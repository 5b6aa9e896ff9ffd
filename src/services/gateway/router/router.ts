// Finds the route of a request by Kong's rules. All ordering is decided when the router is built: a request costs one walk down a
// tree of prefixes and the few regular expressions there are. Reference: Kong 2.8, kong/router.lua.

import { type HeaderRule, headersMatch } from './header-rule.ts'
import { type HostPattern, matchesHost, parseHost } from './host-pattern.ts'
import { PrefixTree } from './prefix-tree.ts'

/** What a route asks of a request. Empty lists ask nothing. */
export interface Conditions {
  readonly hosts: readonly string[]
  readonly headers: ReadonlyMap<string, readonly string[]>
  readonly paths: readonly PathPattern[]
  readonly methods: readonly string[]
  readonly snis: readonly string[]
  readonly regexPriority: number
}

export type PathPattern =
  | { readonly kind: 'prefix'; readonly prefix: string }
  /** Anchored at the start (sticky). `source` is what the file says. */
  | { readonly kind: 'regex'; readonly regex: RegExp; readonly source: string }

/** What is looked at of a request. */
export interface Asking {
  readonly method: string
  /** Normalised. */
  readonly path: string
  /** As sent; with or without a port. */
  readonly host: string
  readonly scheme: 'http' | 'https'
  readonly sni?: string | undefined
  headerValues(key: string): readonly string[]
}

export interface Found<Route> {
  readonly route: Route
  /** Characters of the path that matched. */
  readonly matched: number
  readonly captures: Readonly<Record<string, string | undefined>> | undefined
}

interface Candidate<Route> {
  readonly route: Route
  readonly hosts: readonly HostPattern[]
  readonly headers: readonly HeaderRule[]
  readonly methods: ReadonlySet<string> | undefined
  readonly snis: ReadonlySet<string> | undefined
  readonly path: PathPattern | undefined
  readonly conditions: Conditions
  /** Place in the order of all candidates: the lowest that matches wins. */
  rank: number
}

/** Candidates that may match together: the same host, or any. */
class Bucket<Route> {
  readonly #prefixes = new PrefixTree<Candidate<Route>>()
  readonly #regexes: Candidate<Route>[] = []
  readonly #pathless: Candidate<Route>[] = []

  add(candidate: Candidate<Route>): void {
    if (!candidate.path) this.#pathless.push(candidate)
    else if (candidate.path.kind === 'prefix') this.#prefixes.add(candidate.path.prefix, candidate)
    else this.#regexes.push(candidate)
  }

  /** The candidate of the lowest rank that matches, if it is lower than `best`'s. Lists are in the order of ranks. */
  best(asking: Asking, best: Candidate<Route> | undefined): Candidate<Route> | undefined {
    let found = best
    const consider = (candidate: Candidate<Route>) => {
      if ((!found || candidate.rank < found.rank) && accepts(candidate, asking)) found = candidate
    }
    for (const candidate of this.#regexes) {
      if (found && candidate.rank > found.rank) break
      if (candidate.path?.kind === 'regex' && matchRegex(candidate.path.regex, asking.path)) consider(candidate)
    }
    this.#prefixes.walk(asking.path, consider)
    for (const candidate of this.#pathless) {
      if (found && candidate.rank > found.rank) break
      consider(candidate)
    }
    return found
  }
}

export class Router<Route> {
  readonly #byHost = new Map<string, Bucket<Route>>()
  readonly #anyHost = new Bucket<Route>()

  constructor(routes: readonly { readonly route: Route; readonly conditions: Conditions }[]) {
    const candidates = routes.flatMap(({ route, conditions }) => candidatesOf(route, conditions))
    candidates.sort(inOrder)
    for (const [rank, candidate] of candidates.entries()) {
      candidate.rank = rank
      const plain = candidate.hosts.every(({ wildcard }) => wildcard === undefined)
      if (candidate.hosts.length === 0 || !plain) this.#anyHost.add(candidate)
      else for (const name of new Set(candidate.hosts.map(({ name }) => name))) this.#bucket(name).add(candidate)
    }
  }

  #bucket(host: string): Bucket<Route> {
    const bucket = this.#byHost.get(host) ?? new Bucket<Route>()
    this.#byHost.set(host, bucket)
    return bucket
  }

  find(asking: Asking): Found<Route> | undefined {
    let best = this.#byHost.size > 0 ? this.#byHost.get(hostName(asking.host))?.best(asking, undefined) : undefined
    best = this.#anyHost.best(asking, best)
    if (!best) return undefined
    const { path } = best
    if (!path) return { route: best.route, matched: 0, captures: undefined }
    if (path.kind === 'prefix') return { route: best.route, matched: path.prefix.length, captures: undefined }
    const match = matchRegex(path.regex, asking.path)!
    return { route: best.route, matched: match[0].length, captures: capturesOf(match) }
  }
}

function candidatesOf<Route>(route: Route, conditions: Conditions): Candidate<Route>[] {
  const shared = {
    route,
    hosts: conditions.hosts.map(parseHost),
    headers: [...conditions.headers].map(([name, values]): HeaderRule => ({ name: name.toLowerCase(), ...headerTest(values) })),
    methods: conditions.methods.length > 0 ? new Set(conditions.methods) : undefined,
    snis: conditions.snis.length > 0 ? new Set(conditions.snis) : undefined,
    conditions,
    rank: 0,
  }
  const paths: readonly (PathPattern | undefined)[] = conditions.paths.length > 0 ? conditions.paths : [undefined]
  return paths.map((path) => ({ ...shared, path }))
}

function headerTest(values: readonly string[]): Pick<HeaderRule, 'values' | 'pattern'> {
  const [only] = values
  if (values.length === 1 && only?.startsWith('~*')) return { values: new Set(), pattern: new RegExp(only.slice(2), 'i') }
  return { values: new Set(values.map((value) => value.toLowerCase())), pattern: undefined }
}

/** Negative when `a` comes first. The numbers are those of the reference: kinds, their order, hosts and regex, headers, priority, length. */
function inOrder<Route>(a: Candidate<Route>, b: Candidate<Route>): number {
  return (
    kinds(b).length - kinds(a).length ||
    kindBits(b) - kindBits(a) ||
    submatchBits(b) - submatchBits(a) ||
    b.headers.length - a.headers.length ||
    (a.path?.kind === 'regex' && b.path?.kind === 'regex' ? b.conditions.regexPriority - a.conditions.regexPriority : 0) ||
    prefixLength(b) - prefixLength(a)
  )
}

function kinds<Route>({ hosts, headers, path, methods, snis }: Candidate<Route>): number[] {
  return [hosts.length > 0 ? 16 : 0, headers.length > 0 ? 8 : 0, path ? 4 : 0, methods ? 2 : 0, snis ? 1 : 0].filter((bit) => bit > 0)
}

const kindBits = <Route>(candidate: Candidate<Route>) => kinds(candidate).reduce((sum, bit) => sum + bit, 0)

function submatchBits<Route>({ hosts, path }: Candidate<Route>): number {
  const wildcardWithPort = hosts.some(({ wildcard, port }) => wildcard !== undefined && port !== undefined)
  const plainOnly = hosts.length > 0 && hosts.every(({ wildcard }) => wildcard === undefined)
  return (wildcardWithPort ? 4 : 0) + (plainOnly ? 2 : 0) + (path?.kind === 'regex' ? 1 : 0)
}

const prefixLength = <Route>({ path }: Candidate<Route>) => (path?.kind === 'prefix' ? path.prefix.length : 0)

/** Everything but the path. */
function accepts<Route>({ hosts, methods, snis, headers }: Candidate<Route>, asking: Asking): boolean {
  if (methods && !methods.has(asking.method)) return false
  if (hosts.length > 0 && !hosts.some((host) => matchesHost(host, asking.host, asking.scheme))) return false
  if (snis && asking.scheme === 'https' && (asking.sni === undefined || !snis.has(asking.sni))) return false
  return headers.length === 0 || headersMatch(headers, asking.headerValues)
}

function hostName(host: string): string {
  const colon = host.lastIndexOf(':')
  return colon > 0 && !host.endsWith(']') ? host.slice(0, colon) : host
}

function matchRegex(regex: RegExp, path: string): RegExpExecArray | null {
  regex.lastIndex = 0
  return regex.exec(path)
}

function capturesOf(match: RegExpExecArray): Record<string, string | undefined> {
  const captures: Record<string, string | undefined> = Object.create(null)
  for (let i = 0; i < match.length; i++) captures[i] = match[i]
  for (const [name, value] of Object.entries(match.groups ?? {})) captures[name] = value
  return captures
}
