// One batch of rows and everybody who listens: who is sent which message. Nothing is sent here.
import type { Logger } from '../../../log/log.ts'
import type { Executor } from '../../../pg/executor.ts'
import type { Catalog, Table } from './catalog.ts'
import { convertRows } from './convert.ts'
import type { ChangeMessage } from './feed.ts'
import { type EndlessFilters, Matches } from './match.ts'
import { type Access, type Refusal, refusalData, refusalOf, rowData } from './message.ts'
import { allowedByPolicies } from './policies.ts'
import type { Row, Side } from './row.ts'
import type { Live, Subscriber, Subscribers } from './subscribers.ts'
import { type Answer, askVisibility, type Group } from './visibility.ts'

export interface SettleContext {
  readonly executor: Executor
  readonly catalog: Catalog
  readonly subscribers: Subscribers
  readonly log: Logger
  readonly signal: AbortSignal
  readonly maxRecordBytes: number
  /** Tables that were secured when last seen: their rows are looked up at once instead of in a second question. */
  readonly secured: Map<number, boolean>
  readonly endless: EndlessFilters
}

export interface Delivery {
  readonly subscriber: Subscriber
  readonly message: ChangeMessage
}

export interface Settled {
  /** With which role and claims each subscriber was asked about. */
  readonly groups: ReadonlyMap<Subscriber, Group>
  readonly deliveries: ReadonlyMap<Row, readonly Delivery[]>
}

/** Rejects only where the database is away. `only`: those that the answer of a moment ago no longer holds for. */
export async function settle(rows: readonly Row[], context: SettleContext, only?: ReadonlySet<Subscriber>): Promise<Settled> {
  const { executor, log, subscribers, secured, endless } = context
  const listening = new Map<Row, Live[]>()
  for (const row of rows) {
    if (row.table === undefined) continue
    const lives: Live[] = []
    for (const live of subscribers.of(row.relation.oid, row.action)) {
      const { subscriber } = live
      if (subscriber.closed || row.transaction.lsn < subscriber.from) continue
      if (only === undefined || only.has(subscriber)) lives.push(live)
    }
    if (lives.length > 0) listening.set(row, lives)
  }
  if (listening.size === 0) return { groups: new Map(), deliveries: new Map() }
  // Whoever gets new claims meanwhile is asked about again, so what was asked about is kept.
  const groups = new Map<Subscriber, Group>()
  for (const lives of listening.values()) for (const { subscriber } of lives) groups.set(subscriber, subscriber.group)

  const [matches] = await Promise.all([matchesOf(listening, executor, log, endless), convertRows([...listening.keys()], executor, log)])
  const wanting = new Map<Row, Live[]>()
  for (const [row, lives] of listening) {
    const filtered = lives.some(({ binding }) => binding.filters.length > 0)
    wanting.set(row, filtered ? lives.filter(({ binding }) => matches.passes(row, binding.filters)) : lives)
  }

  const undone = undoneRows(rows)
  let answer = await ask(wanting, listening, undone, groups, secured, context)
  // Secured since it was last seen: nobody has been asked about its rows.
  const unasked = (): boolean => {
    let missing = false
    for (const [row, lives] of wanting) {
      if (row.action === 'DELETE') continue
      for (const { subscriber } of lives) {
        const access = answer.access(row.table!, groups.get(subscriber)!.role)
        if (access?.secured !== true || secured.get(row.relation.oid) === true) continue
        secured.set(row.relation.oid, true)
        missing = true
      }
    }
    return missing
  }
  if (unasked()) answer = await ask(wanting, listening, undone, groups, secured, context)
  for (const row of listening.keys()) {
    for (const group of groups.values()) {
      const access = answer.access(row.table!, group.role)
      if (access !== undefined) secured.set(row.relation.oid, access.secured)
    }
  }
  const hidden = await hiddenOldRows(wanting, groups, answer, context)
  return compose(listening, wanting, groups, answer, hidden, context.maxRecordBytes)
}

async function matchesOf(
  listening: ReadonlyMap<Row, readonly Live[]>,
  executor: Executor,
  log: Logger,
  endless: EndlessFilters,
): Promise<Matches> {
  const matches = new Matches(endless)
  const pairs = function* () {
    for (const [row, lives] of listening) {
      for (const { binding } of lives) if (binding.filters.length > 0) yield [row, binding.filters] as const
    }
  }
  await matches.ask(pairs(), executor, log)
  return matches
}

/** Rows that their own transaction took away again or gave another key. Nobody could ever have read them. */
function undoneRows(rows: readonly Row[]): ReadonlySet<Row> {
  const undone = new Set<Row>()
  const ended = new Set<string>()
  const keyOf = (row: Row, side: Side): string =>
    JSON.stringify([row.transaction.xid, row.relation.oid, ...row.table!.primary!.map((index) => row.text(side, index))])
  for (const row of rows.toReversed()) {
    if (row.table?.primary === undefined) continue
    if (row.action !== 'DELETE' && ended.size > 0 && ended.has(keyOf(row, 'now'))) undone.add(row)
    if (row.action === 'INSERT') continue
    const before = keyOf(row, 'old')
    if (row.action === 'DELETE' || before !== keyOf(row, 'now')) ended.add(before)
  }
  return undone
}

async function ask(
  wanting: ReadonlyMap<Row, readonly Live[]>,
  listening: ReadonlyMap<Row, readonly Live[]>,
  undone: ReadonlySet<Row>,
  groups: ReadonlyMap<Subscriber, Group>,
  secured: ReadonlyMap<number, boolean>,
  { executor, log, signal }: SettleContext,
): Promise<Answer> {
  const rights = new Map<Table, Set<string>>()
  const byGroup = new Map<Group, Row[]>()
  for (const [row, lives] of listening) {
    const roles = rights.get(row.table!) ?? new Set()
    rights.set(row.table!, roles)
    for (const { subscriber } of lives) roles.add(groups.get(subscriber)!.role)
  }
  for (const [row, lives] of wanting) {
    if (row.action === 'DELETE' || row.table!.primary === undefined || secured.get(row.relation.oid) !== true) continue
    for (const { subscriber } of lives) {
      const group = groups.get(subscriber)!
      const rows = byGroup.get(group)
      if (rows === undefined) byGroup.set(group, [row])
      else if (rows[rows.length - 1] !== row) rows.push(row)
    }
  }
  // Groups that are asked about the same rows share the list, and the texts that are made of it.
  const lists = new Map<string, readonly Row[]>()
  const numbers = new Map([...wanting.keys()].map((row, index) => [row, index]))
  const lookups = new Map<Group, readonly Row[]>()
  for (const [group, list] of byGroup) {
    const key = list.length === wanting.size ? 'all' : list.map((row) => numbers.get(row)).join()
    lookups.set(group, lists.get(key) ?? list)
    lists.set(key, lookups.get(group)!)
  }
  return askVisibility({ lookups, rights, rows: [...listening.keys()], undone }, executor, log, signal)
}

/** Of a secured table with the full identity: old rows that the policies do not show to somebody who may see the new one. */
async function hiddenOldRows(
  wanting: ReadonlyMap<Row, readonly Live[]>,
  groups: ReadonlyMap<Subscriber, Group>,
  answer: Answer,
  { executor, log }: SettleContext,
): Promise<ReadonlyMap<Group, ReadonlySet<Row>>> {
  const asked = new Map<Group, Map<Table, Set<Row>>>()
  for (const [row, lives] of wanting) {
    if (row.change.kind !== 'update' || row.change.oldIs !== 'full' || row.table!.primary === undefined) continue
    for (const { subscriber } of lives) {
      const group = groups.get(subscriber)!
      if (answer.access(row.table!, group.role)?.secured !== true || !answer.visible(group, row)) continue
      const tables = asked.get(group) ?? new Map<Table, Set<Row>>()
      asked.set(group, tables.set(row.table!, (tables.get(row.table!) ?? new Set()).add(row)))
    }
  }
  const hidden = new Map<Group, Set<Row>>()
  await Promise.all(
    [...asked].map(async ([group, tables]) => {
      const rest = new Set<Row>()
      hidden.set(group, rest)
      for (const [table, rows] of tables) {
        const shown = await allowedByPolicies(table, group, [...rows], 'old', executor, log)
        for (const row of rows) if (!shown.has(row)) rest.add(row)
      }
    }),
  )
  return hidden
}

/** What one role gets of one row. */
interface Kind {
  readonly access: Access
  readonly refusal: Refusal | undefined
  /** By choice of columns. */
  readonly variants: Map<string, Variant>
}

interface Variant {
  readonly data: Buffer
  /** Whoever has the same single entry gets the same message. */
  readonly messages: Map<number, ChangeMessage>
}

function compose(
  listening: ReadonlyMap<Row, readonly Live[]>,
  wanting: ReadonlyMap<Row, readonly Live[]>,
  groups: ReadonlyMap<Subscriber, Group>,
  answer: Answer,
  hidden: ReadonlyMap<Group, ReadonlySet<Row>>,
  maxRecordBytes: number,
): Settled {
  const deliveries = new Map<Row, Delivery[]>()
  for (const [row, all] of listening) {
    const list: Delivery[] = []
    // Entries of one channel that match come as one message, so those of channels with several are gathered first.
    const several = new Map<Subscriber, Map<Variant, { readonly order: string; readonly ids: number[] }>>()
    const tell = ({ subscriber, binding, columns }: Live, variant: Variant): void => {
      if (subscriber.bindings.length === 1) {
        let message = variant.messages.get(binding.id)
        if (message === undefined) {
          message = { ids: [binding.id], type: row.action, data: variant.data }
          variant.messages.set(binding.id, message)
        }
        list.push({ subscriber, message })
        return
      }
      const variants = several.get(subscriber) ?? new Map<Variant, { order: string; ids: number[] }>()
      several.set(subscriber, variants)
      const same = variants.get(variant)
      if (same === undefined) variants.set(variant, { order: columns, ids: [binding.id] })
      else same.ids.unshift(binding.id)
    }
    const kindOf = kindsOf(row, answer)
    const texts = new Map<string, Variant>()
    const variantOf = (kind: Kind, key: string, text: string, make: () => Buffer): Variant => {
      let variant = kind.variants.get(key)
      if (variant === undefined) {
        // Roles that may see the same share the text.
        variant = texts.get(text) ?? { data: make(), messages: new Map() }
        texts.set(text, variant)
        kind.variants.set(key, variant)
      }
      return variant
    }
    // Refusals go to whoever listens, whatever the filters say.
    for (const live of all) {
      const kind = kindOf(groups.get(live.subscriber)!.role)
      const refusal = kind?.refusal
      if (refusal !== undefined)
        tell(
          live,
          variantOf(kind!, live.columns, `${live.columns}\0${refusal}`, () => refusalData(row, refusal)),
        )
    }
    for (const live of wanting.get(row)!) {
      const group = groups.get(live.subscriber)!
      const kind = kindOf(group.role)
      if (kind === undefined || kind.refusal !== undefined) continue
      const { access } = kind
      const { secured } = access
      if (secured && row.action !== 'DELETE' && !answer.visible(group, row)) continue
      const keyOnly = secured && (row.action === 'DELETE' || hidden.get(group)?.has(row) === true)
      const key = keyOnly ? `key ${live.columns}` : live.columns
      tell(
        live,
        variantOf(kind, key, `${key}\0${secured}${access.key}`, () => rowData(row, access, live.binding.select, maxRecordBytes, keyOnly)),
      )
    }
    for (const [subscriber, variants] of several) {
      const ordered = [...variants].sort(([, a], [, b]) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0))
      for (const [{ data }, { ids }] of ordered) list.push({ subscriber, message: { ids, type: row.action, data } })
    }
    if (list.length > 0) deliveries.set(row, list)
  }
  return { groups, deliveries }
}

/** What each role gets of a row; undefined for a role that does not exist. */
function kindsOf(row: Row, answer: Answer): (role: string) => Kind | undefined {
  const kinds = new Map<string, Kind | undefined>()
  return (role) => {
    if (kinds.has(role)) return kinds.get(role)
    const access = answer.access(row.table!, role)
    const kind = access && { access, refusal: refusalOf(row, access), variants: new Map<string, Variant>() }
    kinds.set(role, kind)
    return kind
  }
}
