// Who listens to what, in this process: found by the table of a change.
import { randomUUID } from 'node:crypto'
import type { Relation } from '../replication/pgoutput.ts'
import type { Action, Binding } from './binding.ts'
import type { SubscribeRequest } from './feed.ts'
import type { Listed } from './subscription-rows.ts'
import type { Group } from './visibility.ts'

/** One join: its bindings live and end together. */
export interface Subscriber {
  readonly request: SubscribeRequest
  readonly bindings: readonly Live[]
  group: Group
  /** What is committed after this position is for them. */
  from: bigint
  closed: boolean
}

/** One entry of the join. */
export interface Live extends Listed {
  readonly subscriber: Subscriber
  /** The choice of columns as text, in order: messages of different choices are different ones. Empty for all columns. */
  readonly columns: string
  tables: ReadonlySet<number>
}

export class Subscribers {
  readonly #all = new Set<Subscriber>()
  readonly #byTable = new Map<number, Set<Live>>()
  /** Interned, so that equal ones are the same object. */
  readonly #groups = new Map<string, { readonly group: Group; users: number }>()

  get size(): number {
    return this.#all.size
  }

  [Symbol.iterator](): Iterator<Subscriber> {
    return this.#all[Symbol.iterator]()
  }

  make(request: SubscribeRequest, bindings: readonly Binding[], group: Group): Subscriber {
    const subscriber: { bindings: Live[] } & Omit<Subscriber, 'bindings'> = { request, bindings: [], group, from: 0n, closed: false }
    subscriber.bindings.push(
      ...bindings.map((binding) => ({
        uuid: randomUUID(),
        binding,
        subscriber,
        columns: [...(binding.select ?? [])].sort().join(),
        tables: new Set<number>(),
      })),
    )
    return subscriber
  }

  add(subscriber: Subscriber): void {
    this.#all.add(subscriber)
    for (const live of subscriber.bindings) for (const table of live.tables) this.#list(table, live)
  }

  remove(subscriber: Subscriber): void {
    this.#all.delete(subscriber)
    for (const live of subscriber.bindings) for (const table of live.tables) this.#unlist(table, live)
  }

  setTables(live: Live, tables: readonly number[]): void {
    const next = new Set(tables)
    if (this.#all.has(live.subscriber)) {
      for (const table of live.tables) if (!next.has(table)) this.#unlist(table, live)
      for (const table of next) this.#list(table, live)
    }
    live.tables = next
  }

  /** Bindings of a table that want an action, in the order of their coming. */
  *of(table: number, action: Action): Iterable<Live> {
    for (const live of this.#byTable.get(table) ?? []) {
      if (live.binding.action === '*' || live.binding.action === action) yield live
    }
  }

  knows(table: number): boolean {
    return this.#byTable.has(table)
  }

  /** Subscribers with a binding that names this table but does not list it yet: it is new in the publication. */
  missing(relation: Relation): Subscriber[] {
    return [...this.#all].filter(({ bindings }) =>
      bindings.some(
        ({ binding, tables }) =>
          !tables.has(relation.oid) &&
          (binding.schema === '*' || binding.schema === relation.schema) &&
          (binding.table === '*' || binding.table === relation.name),
      ),
    )
  }

  /** Whoever has the same role and claims is one group. */
  enter(role: string, claims: string): Group {
    const key = `${role}\0${claims}`
    const known = this.#groups.get(key)
    if (known !== undefined) {
      known.users++
      return known.group
    }
    const group = { role, claims }
    this.#groups.set(key, { group, users: 1 })
    return group
  }

  leave({ role, claims }: Group): void {
    const key = `${role}\0${claims}`
    const known = this.#groups.get(key)
    if (known !== undefined && --known.users === 0) this.#groups.delete(key)
  }

  #list(table: number, live: Live): void {
    const lives = this.#byTable.get(table) ?? new Set()
    this.#byTable.set(table, lives.add(live))
  }

  #unlist(table: number, live: Live): void {
    const lives = this.#byTable.get(table)
    lives?.delete(live)
    if (lives?.size === 0) this.#byTable.delete(table)
  }
}
