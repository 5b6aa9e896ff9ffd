// One entry of a join's `postgres_changes`, checked: what to listen to, or upstream's words for what is wrong with it.
import type { ChangeSubscription } from './feed.ts'
import { SubscriptionRefused } from './feed.ts'
import { type Filter, FilterError, inspectText, parseFilters } from './filter.ts'

export type Action = 'INSERT' | 'UPDATE' | 'DELETE'

export interface Binding {
  readonly id: number
  readonly action: Action | '*'
  /** `*` for all. */
  readonly schema: string
  readonly table: string
  readonly filters: readonly Filter[]
  /** Undefined for all columns. */
  readonly select: readonly string[] | undefined
}

const NOTHING = 'No subscription params provided. Please provide at least a `schema` or `table` to subscribe to: '
const SELECT = 'Error parsing `select` params: expected a list of column name strings, e.g. select: ["col1", "col2"]'
const WILDCARD = 'Column selection is not supported for wildcard subscriptions. Provide an explicit schema and table name.'

/** Throws SubscriptionRefused. */
export function parseBinding({ entry, id }: ChangeSubscription): Binding {
  const given = new Map(typeof entry.raw === 'object' && entry.raw !== null ? Object.entries(entry.raw) : [])
  const text = (key: string): string | undefined => {
    const value = given.get(key)
    return typeof value === 'string' ? value : undefined
  }
  const action = actionOf(text('event'))
  const select = selectOf(given.get('select'))
  const schema = text('schema')
  const table = text('table')
  const filter = text('filter')
  let found: Omit<Binding, 'id' | 'action' | 'select'> | undefined
  if (schema !== undefined && table !== undefined && filter !== undefined) found = { schema, table, filters: filtersOf(filter) }
  else if (given.has('filter')) found = undefined
  else if (schema !== undefined && (table !== undefined || !given.has('table'))) found = { schema, table: table ?? '*', filters: [] }
  else if (table !== undefined && !given.has('schema')) found = { schema: 'public', table, filters: [] }
  if (found === undefined) {
    const secret = given.has('user_token') || given.has('auth_token')
    throw new SubscriptionRefused(NOTHING + (secret ? '<redacted>' : inspect(Object.fromEntries(given))), false)
  }
  if (select !== undefined && (found.schema === '*' || found.table === '*')) throw new SubscriptionRefused(WILDCARD, false)
  return { id, action, ...found, select }
}

function actionOf(event: string | undefined): Action | '*' {
  const upper = event?.toUpperCase()
  return upper === 'INSERT' || upper === 'UPDATE' || upper === 'DELETE' ? upper : '*'
}

function selectOf(given: unknown): readonly string[] | undefined {
  if (typeof given === 'string') throw new SubscriptionRefused(SELECT, false)
  if (!Array.isArray(given)) return undefined
  const names = given.filter((name): name is string => typeof name === 'string')
  return names.length === 0 ? undefined : names
}

function filtersOf(text: string): Filter[] {
  try {
    return parseFilters(text)
  } catch (error) {
    if (error instanceof FilterError) throw new SubscriptionRefused(`Error parsing \`filter\` params: ${error.message}`, false)
    throw error
  }
}

/** As upstream writes a subscription in its messages. */
export function describe({ action, schema, table, filters, select }: Binding): string {
  const list = filters.map(({ column, op, value, negate }) => `{${inspectText(column)}, "${op}", ${inspectText(value)}, ${negate}}`)
  return `event: ${action}, schema: ${schema}, table: ${table}, filters: ${bracket(list)}, select: ${select === undefined ? 'nil' : bracket(select.map(inspectText))}`
}

/** Elixir's pretty printer begins new lines in a list that does not fit in 80 columns, and shows 50 items. */
function bracket(all: readonly string[]): string {
  const items = all.length > 50 ? [...all.slice(0, 50), '...'] : all
  const line = `[${items.join(', ')}]`
  return line.length <= 80 ? line : `[\n  ${items.join(',\n  ')}\n]`
}

/** A value of JSON as Elixir's `inspect` writes it. Keys of small maps are in order. */
function inspect(value: unknown): string {
  if (value === null || value === undefined) return 'nil'
  if (typeof value === 'string') return inspectText(value)
  if (typeof value !== 'object') return String(value)
  if (Array.isArray(value)) return `[${value.map(inspect).join(', ')}]`
  const entries = Object.entries(value).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return `%{${entries.map(([key, item]) => `${inspectText(key)} => ${inspect(item)}`).join(', ')}}`
}
