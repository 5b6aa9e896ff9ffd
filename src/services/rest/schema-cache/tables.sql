-- Tables and views of the exposed schemas, and those that exposed views read from, with columns and primary keys. Partitions are left out.
with domains as (
  -- Every domain with the type at the bottom of its chain.
  with recursive chain as (
    select oid as domain, typbasetype as base, typtypmod as mod from pg_type where typtype = 'd'
    union all
    select chain.domain, t.typbasetype, case when t.typtypmod >= 0 then t.typtypmod else chain.mod end
    from chain join pg_type t on t.oid = chain.base
    where t.typtype = 'd'
  )
  select chain.domain, chain.base, chain.mod from chain join pg_type t on t.oid = chain.base where t.typtype <> 'd'
),
enums as (
  select enumtypid as type, json_agg(enumlabel order by enumsortorder) as labels from pg_enum group by enumtypid
),
keys as (
  select c.conrelid as relation, json_agg(a.attname order by k.position) as columns
  from pg_constraint c
  cross join lateral unnest(c.conkey) with ordinality k(attnum, position)
  join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum
  where c.contype = 'p'
  group by c.conrelid
),
columns as (
  select
    a.attrelid as relation,
    json_agg(json_build_array(
      a.attname,
      case when coalesce(bn.nspname, tn.nspname) = 'pg_catalog'
        then format_type(coalesce(d.base, a.atttypid), null) else format_type(a.atttypid, a.atttypmod) end,
      format_type(a.atttypid, a.atttypmod),
      not (a.attnotnull or t.typnotnull),
      case
        when t.typtype = 'd' and ad.adbin is null then pg_get_expr(t.typdefaultbin, 0)
        when a.attidentity = 'd' then format('nextval(%L)', s.objid::regclass)
        when a.attidentity = 'a' or a.attgenerated <> '' then null
        else pg_get_expr(ad.adbin, ad.adrelid)
      end,
      information_schema._pg_char_max_length(coalesce(d.base, a.atttypid), case when d.base is null then a.atttypmod else d.mod end),
      e.labels,
      case when $3::boolean then col_description(a.attrelid, a.attnum) end
    ) order by a.attnum) as list
  from pg_attribute a
  join pg_class r on r.oid = a.attrelid
  join pg_type t on t.oid = a.atttypid
  join pg_namespace tn on tn.oid = t.typnamespace
  left join domains d on d.domain = a.atttypid
  left join pg_type bt on bt.oid = d.base
  left join pg_namespace bn on bn.oid = bt.typnamespace
  left join enums e on e.type = coalesce(d.base, a.atttypid)
  left join pg_attrdef ad on ad.adrelid = a.attrelid and ad.adnum = a.attnum
  left join pg_depend s on a.attidentity = 'd' and s.refclassid = 'pg_class'::regclass and s.refobjid = a.attrelid
    and s.refobjsubid = a.attnum and s.classid = 'pg_class'::regclass and s.deptype = 'i'
  where a.attnum > 0 and not a.attisdropped and r.relkind in ('r', 'v', 'm', 'f', 'p') and not r.relispartition
    and r.relnamespace in (select oid from pg_namespace where nspname = any($1::text[] || $2::text[]))
  group by a.attrelid
)
select json_agg(json_build_array(
  r.oid::bigint,
  n.nspname,
  r.relname,
  obj_description(r.oid, 'pg_class'),
  r.relkind in ('v', 'm'),
  r.relkind in ('r', 'p') or (r.relkind in ('v', 'f') and pg_relation_is_updatable(r.oid, true) & 8 = 8),
  r.relkind in ('r', 'p') or (r.relkind in ('v', 'f') and pg_relation_is_updatable(r.oid, true) & 4 = 4),
  r.relkind in ('r', 'p') or (r.relkind in ('v', 'f') and pg_relation_is_updatable(r.oid, true) & 16 = 16),
  coalesce(k.columns, '[]'),
  coalesce(c.list, '[]')
) order by n.nspname, r.relname)
from pg_class r
join pg_namespace n on n.oid = r.relnamespace
left join keys k on k.relation = r.oid
left join columns c on c.relation = r.oid
where r.relkind in ('r', 'v', 'm', 'f', 'p') and not r.relispartition
  and n.nspname = any($1::text[] || $2::text[])
