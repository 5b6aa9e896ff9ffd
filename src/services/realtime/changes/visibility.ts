// Who may see which rows, decided by Postgres: one transaction, one write and one snapshot for a batch of rows and everybody who listens.
// A row is looked up by its primary key as it is now, as the subscriber's role with its claims. What is sent, though, is the row as it was
// committed; where the table holds another version by now, the policies are asked about the version that is sent, too. Where it holds none
// any more, that is all that can be asked: a row that the next transaction deleted is still told to whom its policies would have shown it.
import type { Logger } from '../../../log/log.ts'
import type { Executor, Result, Statement } from '../../../pg/executor.ts'
import { ident, qualified } from '../../../pg/quote.ts'
import { writeArray } from './array-text.ts'
import type { Table } from './catalog.ts'
import type { Access } from './message.ts'
import { allowedByPolicies } from './policies.ts'
import { md5, recordText } from './record-text.ts'
import type { Row } from './row.ts'
import { sees } from './seen.ts'

/** Everybody with the same role and claims sees the same rows. */
export interface Group {
  readonly role: string
  readonly claims: string
}

/** What is asked: rows of secured tables by who listens, and rights by role. */
export interface Question {
  /** For each group the inserted and updated rows that it would be sent. */
  readonly lookups: ReadonlyMap<Group, readonly Row[]>
  readonly rights: ReadonlyMap<Table, ReadonlySet<string>>
  readonly rows: readonly Row[]
  /** Rows that ended within their own transaction: where they are gone, nobody sees them. */
  readonly undone: ReadonlySet<Row>
}

export interface Answer {
  /** Undefined: the role does not exist, or the table is gone. */
  access(table: Table, role: string): Access | undefined
  /** Only where the table is secured. */
  visible(group: Group, row: Row): boolean
  /** Whether lookups were made for a table. */
  readonly looked: ReadonlySet<Table>
}

/** A policy that takes longer than this for one batch is taken for broken; whoever it is about gets nothing. */
const STATEMENT_TIMEOUT_MS = 10_000
const LOCK_TIMEOUT_MS = 3_000
const LOCKED_TRIES = 10
const LOCK_NOT_AVAILABLE = '55P03'

const RIGHTS = `
select q.rel, q.role, c.relrowsecurity,
  (select coalesce(json_agg(json_build_array(a.attname, t.typname) order by a.attnum), '[]')
     from pg_attribute a join pg_type t on t.oid = a.atttypid
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT'))
from unnest($1::oid[], $2::text[]) as q(rel, role) join pg_roles r on r.rolname = q.role join pg_class c on c.oid = q.rel`

const LIMITS: Statement = {
  text: `select pg_current_snapshot()::text, set_config('statement_timeout', '${STATEMENT_TIMEOUT_MS}', true), set_config('lock_timeout', '${LOCK_TIMEOUT_MS}', true)`,
}
const OURSELVES: Statement = { text: `select set_config('role', 'none', true)` }

export const become = ({ role, claims }: Group): Statement => ({
  text: `select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)`,
  values: [role, claims],
})

/** Rejects only where the database is away. */
export async function askVisibility(question: Question, executor: Executor, log: Logger, signal: AbortSignal): Promise<Answer> {
  const access = new Map<Table, Map<string, Access>>()
  const visible = new Map<Group, Set<Row>>()
  const current = new Set<Row>()
  const gone = new Set<Row>()
  const groups = [...question.lookups.keys()]
  const collect = async (part: readonly Group[]): Promise<void> => {
    const plan = planOf(question, part)
    const results = await seenBy(question.rows, plan.statements, executor, signal)
    for (const [index, read] of plan.readers) read(results[index]!)
  }
  const planOf = (asked: Question, part: readonly Group[]): { statements: Statement[]; readers: [number, (result: Result) => void][] } => {
    const statements: Statement[] = [LIMITS]
    const readers: [number, (result: Result) => void][] = []
    const pairs = [...asked.rights].flatMap(([table, roles]) => [...roles].map((role) => ({ table, role })))
    readers.push([statements.length, (result) => readRights(result, asked.rights, access)])
    statements.push({
      text: RIGHTS,
      values: [writeArray(pairs.map(({ table }) => String(table.relation.oid))), writeArray(pairs.map(({ role }) => role))],
    })
    const secured = new Map<Table, Set<Row>>()
    const texts = new Map<readonly Row[], Lookup[]>()
    for (const group of part) {
      const rows = asked.lookups.get(group)!
      const lookups = texts.get(rows) ?? lookupsOf(rows)
      texts.set(rows, lookups)
      if (lookups.length === 0) continue
      statements.push(become(group))
      const seen = new Set<Row>()
      visible.set(group, seen)
      for (const lookup of lookups) {
        readers.push([
          statements.length,
          (result) => {
            for (const index of listed(result, 0)) seen.add(lookup.rows[index]!)
          },
        ])
        statements.push(lookup.visible)
        const all = secured.get(lookup.table) ?? new Set()
        secured.set(lookup.table, all)
        for (const row of lookup.rows) all.add(row)
      }
    }
    if (secured.size > 0) statements.push(OURSELVES)
    for (const [table, rows] of secured) {
      for (const { statement, rows: same } of currentOf(table, [...rows])) {
        readers.push([
          statements.length,
          (result) => {
            for (const index of listed(result, 0)) current.add(same[index]!)
            for (const index of listed(result, 1)) gone.add(same[index]!)
          },
        ])
        statements.push(statement)
      }
    }
    return { statements, readers }
  }

  try {
    await collect(groups)
  } catch (error) {
    if ((error as Error).name !== 'StatementError') throw error
    // One group's policy fails: each is asked by itself, so that it is the only one without an answer.
    visible.clear()
    current.clear()
    gone.clear()
    await collect([])
    await Promise.all(groups.map((group) => alone(group, collect, visible, log, signal)))
  }
  await judgeOlder(question, { visible, current, gone, access }, executor, log)
  return {
    access: (table, role) => access.get(table)?.get(role),
    visible: (group, row) => visible.get(group)?.has(row) === true,
    looked: new Set([...question.lookups.values()].flat().map((row) => row.table!)),
  }
}

/** One group whose policies may fail: then it sees nothing. A table that is locked for long is waited for, within bounds. */
async function alone(
  group: Group,
  collect: (part: readonly Group[]) => Promise<void>,
  visible: Map<Group, Set<Row>>,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await collect([group])
      return
    } catch (error) {
      visible.delete(group)
      const { name, fields } = error as Error & { fields?: { code: string } }
      if (name !== 'StatementError') throw error
      if (fields?.code === LOCK_NOT_AVAILABLE && attempt < LOCKED_TRIES && !signal.aborted) continue
      // The text of the error may hold values of the row.
      log.warn({ code: fields?.code, role: group.role }, 'a policy could not be evaluated: its role is not sent these changes')
      return
    }
  }
}

/** Runs the statements on one snapshot that sees all transactions of these rows. */
async function seenBy(
  rows: readonly Row[],
  statements: readonly Statement[],
  executor: Executor,
  signal: AbortSignal,
): Promise<readonly Result[]> {
  for (let attempt = 1; ; attempt++) {
    const results = await executor.run({ statements, transaction: { begin: 'begin isolation level repeatable read', end: 'rollback' } })
    if (await sees(String(results[0]!.rows[0]![0]), rows, attempt, signal)) return results
  }
}

function readRights(result: Result, asked: Question['rights'], access: Map<Table, Map<string, Access>>): void {
  const tables = new Map([...asked.keys()].map((table) => [table.relation.oid, table]))
  for (const [oid, role, secured, list] of result.rows) {
    const columns: [string, string][] = JSON.parse(String(list))
    const found: Access = { secured: String(secured) === 't', columns, names: new Set(columns.map(([name]) => name)), key: String(list) }
    // The same table may have come twice: the stream described it anew within the batch.
    for (const table of asked.keys()) {
      if (table.relation.oid !== Number(oid) || tables.get(Number(oid)) === undefined) continue
      const roles = access.get(table) ?? new Map<string, Access>()
      access.set(table, roles.set(String(role), found))
    }
  }
}

interface Lookup {
  readonly table: Table
  readonly rows: readonly Row[]
  readonly visible: Statement
}

const keyCondition = (table: Table): string =>
  table.primary!.map((index, at) => `t.${ident(table.columns[index]!.name)} = q.k${at}::${table.columns[index]!.type.sql}`).join(' and ')

function lookupsOf(rows: readonly Row[]): Lookup[] {
  const byTable = new Map<Table, Row[]>()
  for (const row of rows) {
    if (row.table?.primary === undefined || row.table.primary.some((index) => row.value('now', index) == null)) continue
    const same = byTable.get(row.table) ?? []
    same.push(row)
    byTable.set(row.table, same)
  }
  return [...byTable].map(([table, same]) => ({
    table,
    rows: same,
    visible: {
      text: `select string_agg(q.i::text, ',') from unnest($1::int4[], ${table.primary!.map((_, at) => `$${at + 2}::text[]`).join(', ')}) as q(i, ${table.primary!.map((_, at) => `k${at}`).join(', ')})
              where exists (select from ${qualified(table.schema, table.name)} as t where ${keyCondition(table)})`,
      values: [numbers(same.length), ...keysOf(table, same)],
    },
  }))
}

/** Numbers come as one text: a row of the result for each would cost more than finding them. */
const listed = ({ rows }: Result, column: number): number[] => {
  const text = rows[0]?.[column]
  return text == null ? [] : text.toString('latin1').split(',').map(Number)
}

const numbers = (count: number): string => `{${Array.from({ length: count }, (_, index) => index).join(',')}}`
const keysOf = (table: Table, rows: readonly Row[]): string[] =>
  table.primary!.map((index) => writeArray(rows.map((row) => row.text('now', index)!)))

/** Which rows the table still holds as they were committed, and of which it holds no version. One question for each set of columns that the log holds. */
function currentOf(table: Table, rows: readonly Row[]): { statement: Statement; rows: readonly Row[] }[] {
  const bySet = new Map<string, { columns: number[]; rows: Row[] }>()
  for (const row of rows) {
    const columns = table.columns.flatMap((_, index) => (row.value('now', index) === undefined ? [] : [index]))
    const key = columns.join()
    const same = bySet.get(key) ?? { columns, rows: [] }
    bySet.set(key, same)
    same.rows.push(row)
  }
  return [...bySet.values()].map(({ columns, rows: same }) => ({
    rows: same,
    statement: {
      text: `select string_agg(q.i::text, ',') filter (where t.ctid is not null and md5(row(${columns.map((index) => `t.${ident(table.columns[index]!.name)}`).join(', ')})::text) = q.h),
                    string_agg(q.i::text, ',') filter (where t.ctid is null)
               from unnest($1::int4[], $2::text[], ${table.primary!.map((_, at) => `$${at + 3}::text[]`).join(', ')}) as q(i, h, ${table.primary!.map((_, at) => `k${at}`).join(', ')})
               left join ${qualified(table.schema, table.name)} as t on ${keyCondition(table)}`,
      values: [
        numbers(same.length),
        writeArray(same.map((row) => md5(recordText(columns.map((index) => row.text('now', index)!))))),
        ...keysOf(table, same),
      ],
    },
  }))
}

/** Rows of which the table holds a newer version or none: visible only where the policies let the version pass that is sent. */
async function judgeOlder(
  question: Question,
  found: { visible: Map<Group, Set<Row>>; current: Set<Row>; gone: Set<Row>; access: Map<Table, Map<string, Access>> },
  executor: Executor,
  log: Logger,
): Promise<void> {
  const { visible, current, gone, access } = found
  await Promise.all(
    [...visible].map(async ([group, seen]) => {
      const older = new Map<Table, Row[]>()
      for (const row of question.lookups.get(group)!) {
        if (
          !(seen.has(row) || (gone.has(row) && !question.undone.has(row))) ||
          current.has(row) ||
          access.get(row.table!)?.get(group.role)?.secured !== true
        )
          continue
        const same = older.get(row.table!) ?? []
        same.push(row)
        older.set(row.table!, same)
      }
      for (const [table, rows] of older) {
        const passed = await allowedByPolicies(table, group, rows, 'now', executor, log)
        for (const row of rows) {
          if (passed.has(row)) seen.add(row)
          else seen.delete(row)
        }
      }
    }),
  )
}
