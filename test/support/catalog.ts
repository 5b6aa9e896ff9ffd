// A schema as text, one object a line in a fixed order: what two databases are compared by.
import type { Client } from 'pg'

const lines = `
with s as (select oid, nspname from pg_namespace where nspname = $1),
rel as (select c.* from pg_class c join s on s.oid = c.relnamespace where not c.relispartition and (c.relkind in ('r', 'p', 'v') or c.relkind = 'S'))
select * from (
  select 1 as part, n.nspname as a, 0 as b, 'schema ' || n.nspname || ' owner ' || pg_get_userbyid(n.nspowner) || coalesce(' acl ' || (select string_agg(x::text, ' ' order by x::text) from unnest(n.nspacl) x), '') as line
    from pg_namespace n join s on s.oid = n.oid
  union all
  select 2, t.typname, 0, case t.typtype when 'e' then 'enum ' || t.typname || ' ' || (select string_agg(enumlabel, ',' order by enumsortorder) from pg_enum where enumtypid = t.oid)
    else 'type ' || t.typname || ' ' || (select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum) from pg_attribute where attrelid = t.typrelid and attnum > 0) end
    || ' owner ' || pg_get_userbyid(t.typowner)
    from pg_type t join s on s.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid where t.typtype = 'e' or (t.typtype = 'c' and c.relkind = 'c')
  union all
  select 3, c.relname, 0, case c.relkind when 'r' then 'table ' when 'p' then 'partitioned table ' when 'v' then 'view ' else 'sequence ' end || c.relname || ' owner ' || pg_get_userbyid(c.relowner)
    || case when c.relrowsecurity then ' rls' else '' end || case when c.relpersistence <> 'p' then ' unlogged' else '' end || case when c.relkind = 'p' then ' ' || pg_get_partkeydef(c.oid) else '' end
    || coalesce(' acl ' || (select string_agg(x::text, ' ' order by x::text) from unnest(c.relacl) x), '') from rel c
  union all
  select 3, c.relname, a.attnum, '  ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end
    || case a.attgenerated when 's' then ' generated' else '' end || case a.attidentity when '' then '' else ' identity ' || a.attidentity::text end
    || coalesce(case when co.collname <> 'default' then ' collate ' || co.collname end, '') || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
    from rel c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and c.relkind <> 'S'
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum left join pg_collation co on co.oid = a.attcollation
  union all
  select 4, c.relname || k.conname, 0, 'constraint ' || c.relname || '.' || k.conname || ' ' || pg_get_constraintdef(k.oid) || case when k.convalidated then '' else ' not valid' end
    from rel c join pg_constraint k on k.conrelid = c.oid and k.contype <> 'n'
  union all
  select 5, i.relname, 0, regexp_replace(pg_get_indexdef(i.oid), ' ON ONLY ', ' ON ') from rel c join pg_index x on x.indrelid = c.oid join pg_class i on i.oid = x.indexrelid
  union all
  select 6, c.relname || g.tgname, 0, pg_get_triggerdef(g.oid) from rel c join pg_trigger g on g.tgrelid = c.oid and not g.tgisinternal
  union all
  select 7, c.relname || p.polname, 0, 'policy ' || c.relname || '.' || p.polname || ' ' || p.polcmd::text || ' ' || coalesce(pg_get_expr(p.polqual, p.polrelid), '') from rel c join pg_policy p on p.polrelid = c.oid
  union all
  select 8, p.proname || pg_get_function_identity_arguments(p.oid), 0, 'function ' || p.proname || '(' || pg_get_function_arguments(p.oid) || ') returns ' || coalesce(pg_get_function_result(p.oid), '-')
    || ' ' || l.lanname || ' ' || p.provolatile::text || case when p.prosecdef then ' definer' else '' end || case when p.proisstrict then ' strict' else '' end || ' ' || p.proparallel::text
    || coalesce(' set ' || array_to_string(p.proconfig, ','), '') || ' owner ' || pg_get_userbyid(p.proowner) || coalesce(' acl ' || (select string_agg(x::text, ' ' order by x::text) from unnest(p.proacl) x), '')
    from pg_proc p join s on s.oid = p.pronamespace join pg_language l on l.oid = p.prolang
) t order by part, a collate "C", b, line collate "C"`

/** Tables with columns, constraints, indexes, triggers, policies, functions, owners and rights of one schema; partitions are left out. */
export async function catalogOf(client: Client, schema: string): Promise<string> {
  // Without a search path every name is printed with its schema, whoever asks.
  await client.query("set search_path to ''")
  const result = await client.query<{ line: string }>(lines, [schema])
  await client.query('reset search_path')
  return `${result.rows.map((row) => row.line).join('\n')}\n`
}
