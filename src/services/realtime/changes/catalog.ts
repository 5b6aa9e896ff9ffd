// What the database knows of a table that the stream does not say: its primary key, its owner, its types, what it generates.
import type { Executor } from '../../../pg/executor.ts'
import type { Relation } from '../replication/pgoutput.ts'
import { writeArray } from './array-text.ts'
import { type Converter, converterOf, type ValueType } from './values.ts'

export interface Column {
  readonly name: string
  readonly type: ValueType
  /** Undefined where only the database can convert. */
  readonly convert: Converter | undefined
  /** Of the replica identity. */
  readonly key: boolean
  readonly primary: boolean
}

/** A stored generated column: it is not in the stream, and is computed again. */
export interface Generated {
  readonly name: string
  readonly expression: string
}

/** One key of a record. */
export interface Key {
  readonly name: string
  readonly json: string
  /** Undefined for a generated column. */
  readonly index: number | undefined
}

export interface Table {
  readonly relation: Relation
  readonly owner: string
  readonly columns: readonly Column[]
  readonly generated: readonly Generated[]
  /** Indexes of the columns of the primary key, in its order; undefined where there is none. */
  readonly primary: readonly number[] | undefined
  /** All keys in the order that jsonb has: short ones first, then by their bytes. */
  readonly keys: readonly Key[]
  /** The name as it is now, for queries. */
  readonly schema: string
  readonly name: string
}

const TABLE = `
select n.nspname, c.relname, pg_get_userbyid(c.relowner),
  (select json_agg(a.attname order by array_position(k.conkey, a.attnum))
     from pg_constraint k join pg_attribute a on a.attrelid = k.conrelid and a.attnum = any (k.conkey)
    where k.conrelid = c.oid and k.contype = 'p'),
  (select json_agg(json_build_array(a.attname, pg_get_expr(d.adbin, d.adrelid)) order by a.attnum)
     from pg_attribute a join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = c.oid and a.attgenerated = 's' and not a.attisdropped)
from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = $1`

/** Types with what domains stand on and arrays hold, however deep. int2vector and oidvector count as arrays, but are written otherwise. */
const TYPES = `
with recursive wanted(oid) as (
  select unnest($1::oid[])
  union
  select x.oid from wanted w join pg_type t on t.oid = w.oid,
    lateral (select case when t.typtype = 'd' then t.typbasetype when t.typsubscript = 'array_subscript_handler'::regproc then t.typelem end as oid) x
   where x.oid is not null and x.oid <> 0
)
select t.oid, case when t.typtype = 'd' then t.typbasetype end,
  case when t.typtype <> 'd' and t.typsubscript = 'array_subscript_handler'::regproc then t.typelem end, t.typdelim,
  format('%I.%I', n.nspname, t.typname),
  t.typtype = 'c' or t.oid in (22, 30)
    or t.oid >= 16384 and exists (select from pg_cast k where k.castsource = t.oid and k.casttarget = 'json'::regtype and k.castmethod = 'f')
from wanted w join pg_type t on t.oid = w.oid join pg_namespace n on n.oid = t.typnamespace`

/** Expressions and names come with their schemas. */
const PLAIN_PATH = { text: `select set_config('search_path', '', true)` }

/** One entry for each description of a table that the stream has sent: it sends a new one whenever the table has changed. */
export class Catalog {
  readonly #executor: Executor
  readonly #tables = new WeakMap<Relation, Table | null>()

  constructor(executor: Executor) {
    this.#executor = executor
  }

  /** Undefined where the table is gone. */
  async table(relation: Relation): Promise<Table | undefined> {
    const known = this.#tables.get(relation)
    if (known !== undefined) return known ?? undefined
    const table = await this.#load(relation)
    this.#tables.set(relation, table ?? null)
    return table
  }

  knows(relation: Relation): boolean {
    return this.#tables.has(relation)
  }

  async #load(relation: Relation): Promise<Table | undefined> {
    const oids = [...new Set(relation.columns.map(({ type }) => String(type)))]
    const [, found, typed] = await this.#executor.run({
      statements: [PLAIN_PATH, { text: TABLE, values: [String(relation.oid)] }, { text: TYPES, values: [writeArray(oids)] }],
    })
    const row = found!.rows[0]
    if (row === undefined) return undefined
    const [schema, name, owner] = row.slice(0, 3).map(String) as [string, string, string]
    const types = typesOf(typed!.rows)
    const keys: string[] = row[3] == null ? [] : JSON.parse(String(row[3]))
    const generated: [string, string][] = row[4] == null ? [] : JSON.parse(String(row[4]))
    // Since Postgres 18 a publication can hold them.
    const missing = generated.filter(([column]) => !relation.columns.some((published) => published.name === column))
    const columns = relation.columns.map((column) => {
      const type = types(column.type)
      return { name: column.name, key: column.key, type, convert: converterOf(type), primary: keys.includes(column.name) }
    })
    const primary = keys.map((key) => columns.findIndex((column) => column.name === key))
    return {
      relation,
      schema,
      name,
      owner,
      columns,
      primary: primary.length === 0 || primary.includes(-1) ? undefined : primary,
      generated: missing.map(([column, expression]) => ({ name: column, expression })),
      keys: keysOf([...columns.map((column) => column.name), ...missing.map(([column]) => column)], columns.length),
    }
  }
}

function keysOf(names: readonly string[], published: number): Key[] {
  const keys = names.map((name, index) => ({ name, json: JSON.stringify(name), index: index < published ? index : undefined }))
  return keys.sort(
    (a, b) => Buffer.byteLength(a.name) - Buffer.byteLength(b.name) || Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
  )
}

function typesOf(rows: readonly (Buffer | null)[][]): (oid: number) => ValueType {
  const found = new Map(rows.map((row) => [Number(row[0]), row.map((value) => (value === null ? null : String(value)))]))
  const made = new Map<number, ValueType>()
  const typeOf = (oid: number): ValueType => {
    const known = made.get(oid)
    if (known !== undefined) return known
    const row = found.get(oid)
    let type: ValueType
    // A type that is gone: its values are told as their texts.
    if (row === undefined) type = { oid, base: 25, sql: 'pg_catalog.text', special: false }
    else if (row[1] != null) type = { ...typeOf(Number(row[1])), oid }
    else {
      const element = row[2] == null || row[5] === 't' ? undefined : typeOf(Number(row[2]))
      type = {
        oid,
        base: oid,
        sql: row[4]!,
        special: row[5] === 't',
        ...(element === undefined ? {} : { element, delimiter: row[3]! }),
      }
    }
    made.set(oid, type)
    return type
  }
  return typeOf
}
