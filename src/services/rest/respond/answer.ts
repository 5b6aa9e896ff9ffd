// From a plan and what the database gave to status, headers and body.
import type { Result } from '../../../pg/executor.ts'
import { RestError } from '../errors.ts'
import { contentTypeOf } from '../parse/media-type.ts'
import { appliedHeader, type Preferences } from '../parse/prefer.ts'
import { encode } from '../parse/query.ts'
import type { Plan } from '../plan/request.ts'
import { COLUMN } from '../sql/statement.ts'
import { contentRange, rangeStatus } from './content-range.ts'

export type HeaderLine = readonly [name: string, value: string]

export interface Answer {
  readonly status: number
  readonly statusText?: string
  readonly headers: readonly HeaderLine[]
  /** Undefined: no body, and no Content-Length either. */
  readonly body: Buffer | undefined
}

export interface AnswerSettings {
  readonly txOverride: boolean
  readonly maxRows: number | undefined
  readonly version: string
  /** The query for Content-Location: of this request, where the plan may have been made for another one like it. */
  readonly canonical: string
}

/** What the answering statement gave. */
interface Row {
  readonly page: number
  readonly total: number | undefined
  readonly body: Buffer
}

const EMPTY = Buffer.alloc(0)
const JSONB_VERSION = Buffer.from([1])
const numberOf = (bytes: Buffer | null | undefined): number | undefined =>
  bytes === null || bytes === undefined ? undefined : Number(bytes.toString('latin1'))

/** Throws PGRST116, PGRST124 or PGRST115 when the result is not what was asked for; called before the transaction ends where that matters. */
export function checkResult(plan: Plan, main: Result): void {
  if (plan.type.kind === 'plan') return
  const page = numberOf(main.rows[0]?.[COLUMN.page]) ?? 0
  if (plan.kind === 'write' && plan.request.action === 'put' && page !== 1) throw new RestError('PGRST115')
  if (plan.type.kind === 'object' && page !== 1) throw new RestError('PGRST116', { details: `The result contains ${page} rows` })
  const { handling, maxAffected } = plan.request.preferences
  if (handling === 'strict' && maxAffected !== undefined && page > maxAffected && limitsAffected(plan)) {
    throw new RestError('PGRST124', { details: `The query affects ${page} rows` })
  }
}

const limitsAffected = (plan: Plan): boolean =>
  plan.kind === 'call' || (plan.kind === 'write' && (plan.request.action === 'update' || plan.request.action === 'delete'))

/** Whether the result can make the transaction roll back. */
export function needsCheck(plan: Plan): boolean {
  if (plan.type.kind === 'plan' || plan.readOnly) return false
  const { handling, maxAffected } = plan.request.preferences
  return (
    plan.type.kind === 'object' ||
    plan.request.action === 'put' ||
    (handling === 'strict' && maxAffected !== undefined && limitsAffected(plan))
  )
}

export function answerOf(plan: Plan, main: Result, estimate: Result | undefined, settings: AnswerSettings): Answer {
  if (plan.type.kind === 'plan') return explained(plan, main)
  const columns = main.rows[0] ?? []
  const page = numberOf(columns[COLUMN.page]) ?? 0
  const total = totalOf(plan, numberOf(columns[COLUMN.total]), page, estimate, settings)
  const row: Row = { page, total, body: bodyOf(plan, columns[COLUMN.body]) }
  const built = withoutDatabase(plan, row, columns, settings)
  const warned = plan.read.legacyWarnings.length === 0 ? built : { ...built, headers: [...built.headers, warning(plan, settings)] }
  return fromDatabase(warned, columns[COLUMN.headers], columns[COLUMN.status])
}

function withoutDatabase(plan: Plan, row: Row, columns: readonly (Buffer | null)[], settings: AnswerSettings): Answer {
  switch (plan.kind) {
    case 'read':
      return readAnswer(plan, row, settings)
    case 'call':
      return callAnswer(plan, row, settings)
    case 'write':
      return writeAnswer(plan, row, columns, settings)
  }
}

function bodyOf(plan: Plan, bytes: Buffer | null | undefined): Buffer {
  if (bytes === null || bytes === undefined) return EMPTY
  if (plan.form.kind !== 'handler') return bytes
  switch (plan.form.handler.encoding) {
    // They come in text form: \x and two digits for each.
    case 'bytea':
      return Buffer.from(bytes.toString('latin1', 2), 'hex')
    // Upstream hands on what Postgres sends in its binary form: a byte for the version of jsonb stands in front. Its clients know.
    case 'jsonb':
      return Buffer.concat([JSONB_VERSION, bytes])
    default:
      return bytes
  }
}

function totalOf(
  plan: Plan,
  counted: number | undefined,
  page: number,
  estimate: Result | undefined,
  { maxRows }: AnswerSettings,
): number | undefined {
  const { count } = plan.request.preferences
  if (count === undefined) return undefined
  if (count === 'exact') return counted ?? page
  // The planner is asked only of tables; elsewhere an estimate is a count.
  if (plan.kind !== 'read') return count === 'estimated' ? (counted ?? page) : undefined
  const guessed = guessOf(estimate)
  if (count === 'planned') return guessed
  // Without a limit on rows the guess counts whenever it is the greater one.
  return counted !== undefined && (maxRows === undefined || counted > maxRows) ? Math.max(counted, guessed ?? 0) : counted
}

function guessOf(estimate: Result | undefined): number | undefined {
  const bytes = estimate?.rows[0]?.[0]
  if (!bytes) return undefined
  const [plan] = JSON.parse(bytes.toString('utf8')) as { Plan: { 'Plan Rows': number } }[]
  return plan?.Plan['Plan Rows']
}

function explained(plan: Plan, main: Result): Answer {
  const lines = main.rows.map((row) => row[0]?.toString('utf8') ?? '')
  return {
    status: 200,
    headers: [['Content-Type', contentTypeOf(plan.type)], ...profile(plan)],
    body: Buffer.from(lines.map((line) => `${line}\n`).join('')),
  }
}

const profile = ({ request }: Plan): HeaderLine[] => (request.namesSchema ? [['Content-Profile', request.schema]] : [])

function preferenceHeader(
  preferences: Preferences,
  applied: Parameters<typeof appliedHeader>[1],
  { txOverride }: AnswerSettings,
): HeaderLine[] {
  const value = appliedHeader(preferences, { count: true, handling: true, timezone: true, tx: txOverride, ...applied })
  return value === undefined ? [] : [['Preference-Applied', value]]
}

const NOTHING = {}

function readAnswer(plan: Plan & { kind: 'read' }, { page, total, body }: Row, settings: AnswerSettings): Answer {
  const { request } = plan
  const first = plan.read.root.window.offset
  const status = rangeStatus(first, page, total)
  const headers: HeaderLine[] = [
    ['Content-Range', contentRange(first, page, total)],
    ['Content-Location', `/${plan.table.name}${settings.canonical === '' ? '' : `?${settings.canonical}`}`],
    ['Content-Type', contentTypeOf(plan.type)],
    ...profile(plan),
    ...preferenceHeader(request.preferences, NOTHING, settings),
  ]
  return { status, headers, body: request.isHead ? undefined : status === 416 ? beyond(first, total!) : body }
}

function beyond(first: number, total: number): Buffer {
  const details = `An offset of ${first} was requested, but there are only ${total} rows.`
  return Buffer.from(JSON.stringify(new RestError('PGRST103', { details })))
}

function callAnswer(plan: Plan & { kind: 'call' }, { page, total, body }: Row, settings: AnswerSettings): Answer {
  const { request, routine } = plan
  const first = plan.read.root.window.offset
  const status = rangeStatus(first, page, total)
  const { handling } = request.preferences
  const preference = preferenceHeader(request.preferences, { maxAffected: handling === 'strict' }, settings)
  const range: HeaderLine = ['Content-Range', contentRange(first, page, total)]
  if (routine.returns.kind === 'void') return { status: 204, headers: [range, ...preference], body: undefined }
  const headers: HeaderLine[] = [range, ['Content-Type', contentTypeOf(plan.type)], ...profile(plan), ...preference]
  return { status, headers, body: request.isHead ? undefined : status === 416 ? beyond(first, total!) : body }
}

function writeAnswer(
  plan: Plan & { kind: 'write' },
  { page, body }: Row,
  columns: readonly (Buffer | null)[],
  settings: AnswerSettings,
): Answer {
  const { request, table } = plan
  const { preferences } = request
  const full = preferences.return === 'representation'
  const count = preferences.count === 'exact' || preferences.count === 'estimated' ? page : undefined
  const content: HeaderLine[] = full ? [['Content-Type', contentTypeOf(plan.type)], ...profile(plan)] : []
  const strict = preferences.handling === 'strict'
  switch (request.action) {
    case 'insert': {
      const inserted = numberOf(columns[COLUMN.inserted])
      const headers: HeaderLine[] = []
      const key = columns[COLUMN.location]
      if (page === 1 && key) headers.push(['Location', locationOf(table.name, key)])
      headers.push(['Content-Range', contentRange(0, 0, count)], ...content)
      headers.push(...preferenceHeader(preferences, { resolution: plan.applied.resolution, return: true, missing: true }, settings))
      const merged = preferences.resolution === 'merge-duplicates' && plan.applied.resolution && (inserted ?? 0) === 0
      return { status: merged ? 200 : 201, headers, body: full ? body : EMPTY }
    }
    case 'put': {
      const inserted = numberOf(columns[COLUMN.inserted]) ?? 0
      const headers = [...content, ...preferenceHeader(preferences, { return: true }, settings)]
      return full ? { status: inserted > 0 ? 201 : 200, headers, body } : { status: 204, headers, body: undefined }
    }
    case 'update': {
      const range: HeaderLine = ['Content-Range', contentRange(0, page, count)]
      const headers = [range, ...content, ...preferenceHeader(preferences, { return: true, missing: true, maxAffected: strict }, settings)]
      return { status: full ? 200 : 204, headers, body: full ? body : undefined }
    }
    default: {
      const range: HeaderLine = ['Content-Range', contentRange(0, 0, count)]
      const headers = [range, ...content, ...preferenceHeader(preferences, { return: true, maxAffected: strict }, settings)]
      return { status: full ? 200 : 204, headers, body: full ? body : undefined }
    }
  }
}

/** `/table?id=eq.1&name=is.null`. */
function locationOf(table: string, key: Buffer): string {
  const pairs = JSON.parse(key.toString('utf8')) as [string, string | null][]
  return `/${table}?${pairs.map(([name, value]) => `${encode(name)}=${value === null ? 'is.null' : `eq.${encode(value)}`}`).join('&')}`
}

function warning(plan: Plan, { version }: AnswerSettings): HeaderLine {
  const { table, alias } = plan.read.legacyWarnings[0]!
  return [
    'Warning',
    `299 PostgRESTv${version} "Embedded resource was referenced by relation name even though it has an alias. This is deprecated and will stop working in a future release. Update \`${table}\` to \`${alias}\` in query string filters, orders or limits."`,
  ]
}

/** Puts what functions set by `response.headers` and `response.status` over the answer. Throws PGRST111 and PGRST112. */
function fromDatabase(answer: Answer, headersText: Buffer | null | undefined, statusText: Buffer | null | undefined): Answer {
  if (!headersText && !statusText) return answer
  let { status, headers } = answer
  if (headersText) {
    const own = headersOf(headersText.toString('utf8'))
    const named = new Set(own.map(([name]) => name.toLowerCase()))
    headers = [...headers.filter(([name]) => !named.has(name.toLowerCase())), ...own]
  }
  if (statusText) {
    status = Number.parseInt(/^\d+/.exec(statusText.toString('utf8'))?.[0] ?? '', 10)
    if (!(status >= 100 && status <= 999)) throw new RestError('PGRST112')
  }
  return { ...answer, status, headers }
}

function headersOf(text: string): HeaderLine[] {
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch {
    throw new RestError('PGRST111')
  }
  if (!Array.isArray(list)) throw new RestError('PGRST111')
  return list.map((item: unknown): HeaderLine => {
    const entries = typeof item === 'object' && item !== null ? Object.entries(item) : []
    const [entry] = entries
    if (entries.length !== 1 || entry === undefined || typeof entry[1] !== 'string') throw new RestError('PGRST111')
    return [entry[0], entry[1]]
  })
}
