// Asks a table's own policies about rows that the table does not hold any more: the expressions as Postgres prints them, on the values of the
// log, as the subscriber's role. Whatever cannot be asked is denied.
import type { Logger } from '../../../log/log.ts'
import type { Executor } from '../../../pg/executor.ts'
import { ident } from '../../../pg/quote.ts'
import { writeArray } from './array-text.ts'
import type { Table } from './catalog.ts'
import type { Row, Side } from './row.ts'
import { become, type Group } from './visibility.ts'

/** As the planner finds them: for all roles or one that this one is in, for reading or for everything. */
const POLICIES = `
select p.polpermissive, pg_get_expr(p.polqual, p.polrelid)
  from pg_policy p
 where p.polrelid = $1 and p.polcmd in ('r', '*') and p.polqual is not null
   and (p.polroles = '{0}' or exists (select from unnest(p.polroles) as m(oid) where pg_has_role($2, m.oid, 'usage')))`

/** Rejects only where the database is away. */
export async function allowedByPolicies(
  table: Table,
  group: Group,
  rows: readonly Row[],
  side: Side,
  executor: Executor,
  log: Logger,
): Promise<ReadonlySet<Row>> {
  try {
    const [, , active] = await executor.run({
      statements: [
        become(group),
        { text: `select set_config('statement_timeout', '10000', true)` },
        { text: 'select row_security_active($1::oid)', values: [String(table.relation.oid)] },
      ],
    })
    if (String(active!.rows[0]![0]) === 'f') return new Set(rows)
    const [, found] = await executor.run({
      statements: [
        { text: `select set_config('search_path', '', true)` },
        { text: POLICIES, values: [String(table.relation.oid), group.role] },
      ],
    })
    const policies = found!.rows.map(([permissive, text]) => ({ permissive: String(permissive) === 't', text: `(${String(text)})` }))
    const permissive = policies.filter((policy) => policy.permissive).map(({ text }) => text)
    if (permissive.length === 0) return new Set()
    const condition = [`(${permissive.join(' or ')})`, ...policies.filter((policy) => !policy.permissive).map(({ text }) => text)].join(
      ' and ',
    )
    return await ask(table, group, rows, side, condition, executor)
  } catch (error) {
    if ((error as Error).name !== 'StatementError') throw error
    log.debug({ err: error as Error, table: table.name, role: group.role }, 'policies could not be asked about an older version of a row')
    return new Set()
  }
}

async function ask(
  table: Table,
  group: Group,
  all: readonly Row[],
  side: Side,
  condition: string,
  executor: Executor,
): Promise<ReadonlySet<Row>> {
  // With a value missing (stored apart and not touched) a policy would be asked about another row.
  const rows = all.filter((row) => table.columns.every((_, index) => row.value(side, index) !== undefined))
  if (rows.length === 0 || table.generated.length > 0) return new Set()
  const names = table.columns.map((_, index) => `c${index}`)
  const typed = table.columns.map(({ name, type }, index) => `q.c${index}::${type.sql} as ${ident(name)}`)
  const text = `select "plinth row" - 1
     from (select q.i as "plinth row", ${typed.join(', ')}
             from unnest(${names.map((_, index) => `$${index + 1}::text[]`).join(', ')}) with ordinality as q(${names.join(', ')}, i)) as ${ident(table.name)}
    where ${condition}`
  const values = table.columns.map((_, index) => writeArray(rows.map((row) => row.text(side, index)!)))
  const results = await executor.run({ statements: [become(group), { text, values, prepare: false }] })
  return new Set(results[1]!.rows.map(([index]) => rows[Number(index)]!))
}
