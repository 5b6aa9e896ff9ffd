// Values that only the database can turn into JSON (json, composite types, types with a cast of their own), and generated columns: asked for
// a whole batch of rows, one question for each type and table.
import type { Logger } from '../../../log/log.ts'
import type { Executor } from '../../../pg/executor.ts'
import { ident } from '../../../pg/quote.ts'
import { writeArray } from './array-text.ts'
import { asOwner } from './as-owner.ts'
import type { Table } from './catalog.ts'
import { conversionKey, type Row } from './row.ts'

/** Fills in what `row.json` and `row.generated` need. Rejects only where the database is away. */
export async function convertRows(rows: readonly Row[], executor: Executor, log: Logger): Promise<void> {
  const byType = new Map<string, { owner: string; sql: string; texts: Set<string>; rows: Set<Row> }>()
  const byTable = new Map<Table, Row[]>()
  for (const row of rows) {
    const table = row.table!
    if (table.generated.length > 0 && row.action !== 'DELETE' && row.generated === undefined) {
      const same = byTable.get(table) ?? []
      same.push(row)
      byTable.set(table, same)
    }
    for (let index = 0; index < table.columns.length; index++) {
      const { convert, type } = table.columns[index]!
      if (convert !== undefined) continue
      const key = `${table.owner} ${type.sql}`
      const same = byType.get(key) ?? { owner: table.owner, sql: type.sql, texts: new Set(), rows: new Set() }
      byType.set(key, same)
      for (const side of ['now', 'old'] as const) {
        const text = row.text(side, index)
        if (text == null || row.converted.has(conversionKey(type.sql, text))) continue
        same.texts.add(text)
        same.rows.add(row)
      }
    }
  }
  await Promise.all([
    ...[...byType.values()].filter(({ texts }) => texts.size > 0).map((same) => convertType(same, executor, log)),
    ...[...byTable].map(([table, same]) => generate(table, same, executor, log)),
  ])
}

async function convertType(
  { owner, sql, texts, rows }: { owner: string; sql: string; texts: Set<string>; rows: Set<Row> },
  executor: Executor,
  log: Logger,
): Promise<void> {
  const list = [...texts]
  try {
    const results = await executor.run({
      statements: [
        asOwner(owner),
        {
          text: `select to_jsonb(q.t::${sql})::text from unnest($1::text[]) with ordinality as q(t, i) order by q.i`,
          values: [writeArray(list)],
        },
      ],
    })
    results[1]!.rows.forEach(([json], index) => {
      for (const row of rows) row.converted.set(conversionKey(sql, list[index]!), json == null ? 'null' : String(json))
    })
  } catch (error) {
    // The type has changed, or its cast refuses the value: told as text, as it came.
    if ((error as Error).name !== 'StatementError') throw error
    log.debug({ err: error as Error, type: sql }, 'values could not be turned into JSON by their type')
  }
}

async function generate(table: Table, rows: readonly Row[], executor: Executor, log: Logger): Promise<void> {
  // A stored value that was not touched is not at hand, and what is computed from it is not either.
  const whole = rows.filter((row) => table.columns.every((_, index) => row.value('now', index) !== undefined))
  if (whole.length === 0) return
  const names = table.columns.map((_, index) => `c${index}`)
  const typed = table.columns.map(({ name, type }, index) => `q.c${index}::${type.sql} as ${ident(name)}`)
  const text = `select ${table.generated.map(({ expression }) => `to_jsonb(${expression})::text`).join(', ')}
    from (select q.i as "plinth row", ${typed.join(', ')}
            from unnest(${names.map((_, index) => `$${index + 1}::text[]`).join(', ')}) with ordinality as q(${names.join(', ')}, i)) as ${ident(table.name)}
   order by "plinth row"`
  try {
    const values = table.columns.map((_, index) => writeArray(whole.map((row) => row.text('now', index)!)))
    const results = await executor.run({ statements: [asOwner(table.owner), { text, values }] })
    results[1]!.rows.forEach((found, at) => {
      whole[at]!.generated = new Map(table.generated.map(({ name }, index) => [name, found[index] == null ? 'null' : String(found[index])]))
    })
  } catch (error) {
    if ((error as Error).name !== 'StatementError') throw error
    log.debug({ err: error as Error, table: table.name }, 'generated columns could not be computed')
  }
}
