// The rows of realtime.subscription: one for each table that an entry listens to. Postgres checks filters and columns as they are written.
import { type Executor, type Statement, StatementError } from '../../../pg/executor.ts'
import { parseLsn } from '../replication/lsn.ts'
import { writeArray } from './array-text.ts'
import { type Binding, describe } from './binding.ts'
import { SubscriptionRefused } from './feed.ts'

const INSERT = `
with published as (
  select format('%I.%I', p.schemaname, p.tablename)::regclass as entity
    from pg_publication_tables p
   where p.pubname = $1 and ($2 = '*' or p.schemaname = $2) and ($3 = '*' or p.tablename = $3)
)
insert into realtime.subscription (subscription_id, entity, filters, claims, action_filter, selected_columns)
select $4::uuid, entity,
  (select coalesce(array_agg(row(c, o::realtime.equality_op, v, n)::realtime.user_defined_filter), '{}')
     from unnest($5::text[], $6::text[], $7::text[], $8::boolean[]) as f(c, o, v, n)),
  $9::jsonb, $10, $11::text[]
  from published
on conflict (subscription_id, entity, filters, action_filter, coalesce(selected_columns, '{}'))
  do update set claims = excluded.claims, created_at = now()
returning entity::oid`

/** What stays the same while the tables of a binding change. */
export interface Listed {
  readonly uuid: string
  readonly binding: Binding
}

export interface Written {
  /** The tables of each binding, in the order asked. */
  readonly tables: readonly (readonly number[])[]
  /** Where the log stood: what is committed after this is for them. */
  readonly lsn: bigint
}

/** All or nothing. Rejects with SubscriptionRefused. */
export async function writeRows(executor: Executor, publication: string, listed: readonly Listed[], claims: string): Promise<Written> {
  const statements: Statement[] = [
    ...listed.map(({ uuid, binding }) => ({ text: INSERT, values: insertValues(publication, uuid, binding, claims) })),
    { text: 'select pg_current_wal_insert_lsn()' },
  ]
  let empty = -1
  try {
    const results = await executor.run({
      statements,
      transaction: {
        begin: 'begin',
        end: (all) => {
          empty = listed.findIndex((_, index) => all[index]!.rows.length === 0)
          return empty < 0 ? 'commit' : 'rollback'
        },
      },
    })
    if (empty >= 0) throw new SubscriptionRefused(notPublished(listed[empty]!.binding), false)
    return {
      tables: listed.map((_, index) => results[index]!.rows.map(([oid]) => Number(oid))),
      lsn: parseLsn(String(results[listed.length]!.rows[0]![0])),
    }
  } catch (error) {
    throw refusal(error as Error, listed)
  }
}

function insertValues(
  publication: string,
  uuid: string,
  { action, schema, table, filters, select }: Binding,
  claims: string,
): (string | null)[] {
  return [
    publication,
    schema,
    table,
    uuid,
    writeArray(filters.map(({ column }) => column)),
    writeArray(filters.map(({ op }) => op)),
    writeArray(filters.map(({ value }) => value)),
    writeArray(filters.map(({ negate }) => String(negate))),
    claims,
    action,
    select === undefined ? null : writeArray(select),
  ]
}

const notPublished = (binding: Binding): string =>
  `Unable to subscribe to changes with given parameters. Please check Realtime is enabled for the given connect parameters: [${describe(binding)}]`

function refusal(error: Error, listed: readonly Listed[]): SubscriptionRefused {
  if (error instanceof SubscriptionRefused) return error
  if (error instanceof StatementError) {
    // The first statement of the batch is its `begin`.
    const { binding } = listed[Math.min(Math.max(error.statement - 1, 0), listed.length - 1)]!
    return new SubscriptionRefused(
      `Unable to subscribe to changes with given parameters. An exception happened so please check your connect parameters: [${describe(binding)}]. Exception: ${exceptionText(error)}`,
      false,
    )
  }
  return new SubscriptionRefused(
    `Unable to subscribe to changes with given parameters. The database cannot be reached: ${error.message}`,
    true,
  )
}

/** With new claims, tables as before. Rejects with SubscriptionRefused. */
export async function writeClaims(executor: Executor, listed: readonly Listed[], claims: string): Promise<void> {
  try {
    await executor.run({
      statements: [
        {
          text: 'update realtime.subscription set claims = $2::jsonb, created_at = now() where subscription_id = any ($1::uuid[])',
          values: [writeArray(listed.map(({ uuid }) => uuid)), claims],
        },
      ],
    })
  } catch (error) {
    throw refusal(error as Error, listed)
  }
}

export async function deleteRows(executor: Executor, uuids: readonly string[]): Promise<void> {
  await executor.run({
    statements: [{ text: 'delete from realtime.subscription where subscription_id = any ($1::uuid[])', values: [writeArray(uuids)] }],
  })
}

/** Rows that an earlier process left behind; nothing is deleted while an instance reads a slot. */
export async function deleteLeftRows(executor: Executor, slots: readonly string[]): Promise<void> {
  await executor.run({
    statements: [
      {
        text: `delete from realtime.subscription
                where not exists (select from pg_replication_slots where slot_name = any ($1::name[]) and active)`,
        values: [writeArray(slots)],
      },
    ],
  })
}

/** Rows of tables that a binding does not reach any more. */
export async function deleteRowsBeyond(executor: Executor, uuid: string, tables: readonly number[]): Promise<void> {
  await executor.run({
    statements: [
      {
        text: 'delete from realtime.subscription where subscription_id = $1 and entity <> all ($2::oid[]::regclass[])',
        values: [uuid, writeArray(tables.map(String))],
      },
    ],
  })
}

/** The tables of a publication with their names, to see when it changes. */
export async function publishedTables(executor: Executor, publication: string): Promise<string> {
  const [result] = await executor.run({
    statements: [
      {
        text: `select string_agg(format('%I.%I', p.schemaname, p.tablename)::regclass::oid::text, ',' order by format('%I.%I', p.schemaname, p.tablename)::regclass::oid)
                 from pg_publication_tables p where p.pubname = $1`,
        values: [publication],
      },
    ],
  })
  return String(result!.rows[0]?.[0] ?? '')
}

/** Names of SQLSTATEs as upstream's driver has them. */
const CODE_NAMES = new Map([
  ['22P02', 'invalid_text_representation'],
  ['22P03', 'invalid_binary_representation'],
  ['22001', 'string_data_right_truncation'],
  ['22003', 'numeric_value_out_of_range'],
  ['22007', 'invalid_datetime_format'],
  ['22008', 'datetime_field_overflow'],
  ['22009', 'invalid_time_zone_displacement_value'],
  ['2201B', 'invalid_regular_expression'],
  ['22021', 'character_not_in_repertoire'],
  ['22023', 'invalid_parameter_value'],
  ['22024', 'unterminated_c_string'],
  ['22025', 'invalid_escape_sequence'],
  ['22000', 'data_exception'],
  ['2200D', 'invalid_escape_octet'],
  ['2202E', 'array_subscript_error'],
  ['22030', 'duplicate_json_object_key_value'],
  ['22032', 'invalid_json_text'],
  ['22P05', 'untranslatable_character'],
  ['23502', 'not_null_violation'],
  ['23514', 'check_violation'],
  ['25006', 'read_only_sql_transaction'],
  ['2BP01', 'dependent_objects_still_exist'],
  ['42501', 'insufficient_privilege'],
  ['42601', 'syntax_error'],
  ['42602', 'invalid_name'],
  ['42622', 'name_too_long'],
  ['42703', 'undefined_column'],
  ['42704', 'undefined_object'],
  ['42725', 'ambiguous_function'],
  ['42804', 'datatype_mismatch'],
  ['42846', 'cannot_coerce'],
  ['42883', 'undefined_function'],
  ['42P01', 'undefined_table'],
  ['42P13', 'invalid_function_definition'],
  ['3F000', 'invalid_schema_name'],
  ['40001', 'serialization_failure'],
  ['40P01', 'deadlock_detected'],
  ['53100', 'disk_full'],
  ['53200', 'out_of_memory'],
  ['53300', 'too_many_connections'],
  ['54000', 'program_limit_exceeded'],
  ['55P03', 'lock_not_available'],
  ['57014', 'query_canceled'],
  ['57P01', 'admin_shutdown'],
  ['P0001', 'raise_exception'],
  ['XX000', 'internal_error'],
])

function exceptionText({ fields, message }: StatementError): string {
  const { severity = 'ERROR', code, hint, detail } = fields
  const more = `${hint === undefined ? '' : `\n\n    hint: ${hint}`}${detail === undefined ? '' : `\n\n${detail}`}`
  return `${severity} ${code} (${CODE_NAMES.get(code) ?? code}) ${message}${more}`
}
