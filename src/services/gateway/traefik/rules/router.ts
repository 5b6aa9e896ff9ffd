// Finds the first matching route in the order of priorities. Rules that name hosts or path prefixes are found by these, so that
// thousands of routes cost a request no more than a few.
import type { CompiledRule } from './compile.ts'
import type { Asked } from './matchers.ts'

export interface Ranked<Value> {
  readonly rule: CompiledRule
  readonly priority: number
  /** Among equal priorities the lower one wins. */
  readonly rank: number
  readonly value: Value
}

// Prefixes are kept by their first characters up to this length.
const MAX_PREFIX = 64

export class RuleRouter<Value> {
  readonly #byHost = new Map<string, Ranked<Value>[]>()
  readonly #byPrefix = new Map<string, Ranked<Value>[]>()
  readonly #prefixLengths: readonly number[]
  readonly #others: Ranked<Value>[] = []

  constructor(routes: readonly Ranked<Value>[]) {
    const sorted = routes.toSorted(compare)
    const lengths = new Set<number>()
    const crowd = crowds(sorted)
    for (const route of sorted) {
      const hosts = route.rule.hosts
      const prefixes = prefixesOf(route)
      if (hosts && (!prefixes || crowd(hosts, 'host') <= crowd(prefixes, 'prefix')))
        for (const host of hosts) add(this.#byHost, host, route)
      else if (prefixes)
        for (const prefix of prefixes) {
          add(this.#byPrefix, prefix, route)
          lengths.add(prefix.length)
        }
      else this.#others.push(route)
    }
    this.#prefixLengths = [...lengths].sort((a, b) => a - b)
  }

  find(asked: Asked): Value | undefined {
    let best = first(this.#others, asked, undefined)
    const host = asked.canonicalHost
    best = first(this.#byHost.get(host), asked, best)
    // A final dot is the same name.
    if (host.endsWith('.')) best = first(this.#byHost.get(host.slice(0, -1)), asked, best)
    for (const length of this.#prefixLengths) {
      if (length > asked.routingPath.length) break
      best = first(this.#byPrefix.get(asked.routingPath.slice(0, length)), asked, best)
    }
    return best?.value
  }
}

function prefixesOf<Value>({ rule }: Ranked<Value>): readonly string[] | undefined {
  return rule.prefixes?.map((text) => text.slice(0, MAX_PREFIX))
}

/** How many routes share the most shared of these keys: a route is kept where it has the fewest neighbours. */
function crowds<Value>(routes: readonly Ranked<Value>[]): (keys: readonly string[], kind: 'host' | 'prefix') => number {
  const counts = { host: new Map<string, number>(), prefix: new Map<string, number>() }
  for (const route of routes) {
    for (const host of route.rule.hosts ?? []) counts.host.set(host, (counts.host.get(host) ?? 0) + 1)
    for (const prefix of prefixesOf(route) ?? []) counts.prefix.set(prefix, (counts.prefix.get(prefix) ?? 0) + 1)
  }
  return (keys, kind) => Math.max(...keys.map((key) => counts[kind].get(key) ?? 0))
}

function first<Value>(
  list: readonly Ranked<Value>[] | undefined,
  asked: Asked,
  best: Ranked<Value> | undefined,
): Ranked<Value> | undefined {
  if (!list) return best
  for (const route of list) {
    if (best && compare(best, route) <= 0) return best
    if (route.rule.matches(asked)) return route
  }
  return best
}

function compare<Value>(a: Ranked<Value>, b: Ranked<Value>): number {
  return b.priority - a.priority || a.rank - b.rank
}

function add<Value>(map: Map<string, Ranked<Value>[]>, key: string, route: Ranked<Value>): void {
  const list = map.get(key)
  if (list) list.push(route)
  else map.set(key, [route])
}
