// Whether a row passes the filters of a subscription. What compares alike here and in Postgres is compared here; the rest is asked in one
// question for each column and operator, however many rows and values there are.

import type { Logger } from '../../../log/log.ts'
import type { Executor, Statement, StatementError } from '../../../pg/executor.ts'
import { writeArray } from './array-text.ts'
import { asOwner } from './as-owner.ts'
import type { Filter, FilterOperator } from './filter.ts'
import type { Row, Side } from './row.ts'

/** The answer, or the question for the database. */
type Verdict = boolean | Question

interface Question {
  readonly op: FilterOperator
  readonly negate: boolean
  readonly sql: string
  readonly owner: string
  readonly text: string | null
  readonly value: string
}

const INTEGERS = [20, 21, 23]
const TEXTS = [25, 1043]
const BOOL = 16
const UUID = 2950
const SQL_OPERATORS: Partial<Record<FilterOperator, string>> = {
  eq: '=',
  neq: '<>',
  lt: '<',
  lte: '<=',
  gt: '>',
  gte: '>=',
  like: 'like',
  ilike: 'ilike',
  match: '~',
  imatch: '~*',
  isdistinct: 'is distinct from',
}

/** Clients write the patterns, and some are tried for ever: a question about them may take so long. */
const PATTERNS: ReadonlySet<FilterOperator> = new Set(['like', 'ilike', 'match', 'imatch'])
const PATIENCE: Statement = { text: `select set_config('statement_timeout', '5s', true)` }
const MOST_ENDLESS = 1_000
const CANCELED = '57014'

/** A deleted row is judged by what the log holds of the old one. */
const sideOf = (row: Row): Side => (row.action === 'DELETE' ? 'old' : 'now')

/** Asks what has to be asked about these rows and filters; then `passes` answers for each pair. */
export class Matches {
  readonly #answers = new Map<string, boolean>()
  readonly #endless: EndlessFilters

  constructor(endless: EndlessFilters) {
    this.#endless = endless
  }

  /** Rejects only where the database is away; a comparison that it refuses does not hold. */
  async ask(pairs: Iterable<readonly [Row, readonly Filter[]]>, executor: Executor, log: Logger): Promise<void> {
    const questions = new Map<string, Map<string, Question>>()
    for (const [row, filters] of pairs) {
      for (const filter of filters) {
        const verdict = judge(row, filter)
        if (typeof verdict === 'boolean') {
          // The others cannot matter any more.
          if (!verdict) break
          continue
        }
        if (this.#endless.has(verdict)) break
        const kind = kindOf(verdict)
        const same = questions.get(kind) ?? new Map<string, Question>()
        questions.set(kind, same.set(answerKey(verdict), verdict))
      }
    }
    await Promise.all([...questions.values()].map((same) => this.#askAll([...same.values()], executor, log)))
  }

  passes(row: Row, filters: readonly Filter[]): boolean {
    return filters.every((filter) => {
      const verdict = judge(row, filter)
      return typeof verdict === 'boolean' ? verdict : this.#answers.get(answerKey(verdict)) === true
    })
  }

  async #askAll(questions: readonly Question[], executor: Executor, log: Logger): Promise<void> {
    const { op, negate, sql, owner } = questions[0]!
    const condition = op === 'in' ? `q.v::${sql} = any (q.f::${arrayOf(sql)})` : `q.v::${sql} ${SQL_OPERATORS[op]} q.f::${sql}`
    const text = `select q.i from unnest($1::text[], $2::text[]) with ordinality as q(v, f, i) where (${condition}) is ${negate ? 'false' : 'true'}`
    try {
      // As whoever owns the table: a type may bring functions of its own.
      const results = await executor.run({
        statements: [
          ...(PATTERNS.has(op) ? [PATIENCE] : []),
          asOwner(owner),
          { text, values: [writeArray(questions.map((question) => question.text)), writeArray(questions.map(({ value }) => value))] },
        ],
      })
      for (const row of results.at(-1)!.rows) this.#answers.set(answerKey(questions[Number(row[0]) - 1]!), true)
    } catch (error) {
      if (!isRefusal(error)) throw error
      if (error.fields.code === CANCELED && PATTERNS.has(op)) return this.#askEach(questions, executor, log)
      // One value may be what the operator stumbles over: the others are asked by themselves.
      if (questions.length > 1) {
        const half = questions.length >> 1
        await this.#askAll(questions.slice(0, half), executor, log)
        await this.#askAll(questions.slice(half), executor, log)
      } else log.debug({ err: error }, 'a filter could not be evaluated: the change is not sent')
    }
  }

  /** Together they took too long: each filter by itself, and the one that does it is not asked about again. */
  async #askEach(questions: readonly Question[], executor: Executor, log: Logger): Promise<void> {
    const byFilter = new Map<string, Question[]>()
    for (const question of questions) {
      const same = byFilter.get(question.value)
      if (same === undefined) byFilter.set(question.value, [question])
      else same.push(question)
    }
    if (byFilter.size > 1) {
      await Promise.all([...byFilter.values()].map((same) => this.#askAll(same, executor, log)))
      return
    }
    this.#endless.add(questions[0]!)
    log.warn({ op: questions[0]!.op }, 'a filter of a subscription takes too long to evaluate: nothing is sent for it any more')
  }
}

/** Which of the filters it is that takes too long. */
export class EndlessFilters {
  readonly #known = new Set<string>()

  has(question: Question): boolean {
    return this.#known.has(filterKey(question))
  }

  add(question: Question): void {
    if (this.#known.size >= MOST_ENDLESS) this.#known.clear()
    this.#known.add(filterKey(question))
  }
}

const isRefusal = (error: unknown): error is StatementError => (error as Error).name === 'StatementError'
const kindOf = ({ op, negate, sql, owner }: Question): string => `${op} ${negate} ${owner} ${sql}`
const filterKey = (question: Question): string => `${kindOf(question)}\0${question.value}`
const answerKey = (question: Question): string =>
  `${kindOf(question)}\0${question.value}\0${question.text === null ? '' : `=${question.text}`}`
/** `pg_catalog.int4` to the name of its array type. */
const arrayOf = (sql: string): string => `${sql}[]`

function judge(row: Row, filter: Filter): Verdict {
  const table = row.table!
  const { op, negate, value } = filter
  const side = sideOf(row)
  const index = table.columns.findIndex(({ name }) => name === filter.column)
  if (index < 0) {
    const generated = row.generated?.get(filter.column)
    return generated === undefined ? false : judgeGenerated(generated, filter)
  }
  const text = row.text(side, index)
  if (text === undefined) return false
  const { base, sql } = table.columns[index]!.type
  if (op === 'is') {
    const holds = value === 'null' || value === 'unknown' ? text === null : base === BOOL && text === (value === 'true' ? 't' : 'f')
    return holds !== negate
  }
  // Null is equal to nothing, and yet not among no values.
  if (text === null && !(op === 'in' && /^\{\s*\}$/.test(value))) return op === 'isdistinct' ? !negate : false
  const known = text === null ? undefined : compareHere(base, op, text, value)
  return known === undefined ? { op, negate, sql, owner: table.owner, text, value } : known !== negate
}

/** Generated columns are told as JSON; of them only what is plain is compared. */
function judgeGenerated(json: string, { op, value, negate }: Filter): boolean {
  if (op === 'is') return ((value === 'null' || value === 'unknown' ? 'null' : value) === json) !== negate
  if (json === 'null') return op === 'isdistinct' ? !negate : op === 'in' && /^\{\s*\}$/.test(value) ? negate : false
  const text = json.startsWith('"') ? (JSON.parse(json) as string) : json
  const known = compareHere(/^-?\d+$/.test(json) ? 20 : 25, op, text, value)
  return known === undefined ? false : known !== negate
}

/** Undefined where it depends on a collation, a time zone, a scale or on how a type reads its text. */
function compareHere(base: number, op: FilterOperator, text: string, value: string): boolean | undefined {
  if (op === 'in') {
    const list = /^\{([^\s"\\{}]*)\}$/.exec(value)?.[1]
    if (list === undefined) return undefined
    if (list === '') return INTEGERS.includes(base) || TEXTS.includes(base) ? false : undefined
    const results = list.split(',').map((item) => (item === '' || /^null$/i.test(item) ? undefined : compareHere(base, 'eq', text, item)))
    return results.includes(undefined) ? undefined : results.includes(true)
  }
  if (INTEGERS.includes(base)) {
    if (!/^[+-]?\d{1,19}$/.test(value)) return undefined
    const difference = base === 20 ? compareBig(BigInt(text), BigInt(value)) : Number(text) - Number(value)
    return ordered(op, difference)
  }
  const given = base === UUID ? value.toLowerCase() : base === BOOL ? value.charAt(0) : value
  const plain =
    TEXTS.includes(base) ||
    (base === UUID && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(given)) ||
    (base === BOOL && /^(true|false|t|f)$/.test(value))
  if (!plain) return undefined
  if (op === 'eq') return text === given
  return op === 'neq' || op === 'isdistinct' ? text !== given : undefined
}

const compareBig = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)

function ordered(op: FilterOperator, difference: number): boolean | undefined {
  switch (op) {
    case 'eq':
      return difference === 0
    case 'neq':
    case 'isdistinct':
      return difference !== 0
    case 'lt':
      return difference < 0
    case 'lte':
      return difference <= 0
    case 'gt':
      return difference > 0
    case 'gte':
      return difference >= 0
    default:
      return undefined
  }
}
