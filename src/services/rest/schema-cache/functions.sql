-- Functions of the exposed schemas (computed relationships among them) with arguments, result and the settings that are lifted to the transaction.
with recursive bases as (
  select oid, oid as top, typtype, typbasetype, false as alias from pg_type
  union all
  select t.oid, b.top, t.typtype, t.typbasetype, true from bases b join pg_type t on t.oid = b.typbasetype where b.typtype = 'd'
),
types as (
  select b.top as oid, b.oid as base, b.alias from bases b where b.typtype <> 'd'
)
select json_agg(json_build_array(
  n.nspname,
  p.proname,
  obj_description(p.oid, 'pg_proc'),
  coalesce(a.list, '[]'),
  tn.nspname,
  coalesce(comp.relname, t.typname),
  p.proretset,
  t.typtype = 'c' or comp.relname is not null or coalesce(p.proargmodes::text[] && array['t', 'b', 'o'], false),
  ty.alias,
  p.provolatile,
  p.provariadic > 0,
  lower((regexp_split_to_array((select c from unnest(p.proconfig) c where c like 'default_transaction_isolation=%'), '='))[2]),
  coalesce((
    select json_agg(json_build_array(split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)))
    from unnest(p.proconfig) c where c ~ any($2::text[])
  ), '[]'),
  t.typname = 'void',
  p.prorows
) order by n.nspname, p.proname, p.oid)
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join types ty on ty.oid = p.prorettype
join pg_type t on t.oid = ty.base
join pg_namespace tn on tn.oid = t.typnamespace
left join pg_class comp on comp.oid = t.typrelid
left join lateral (
  select json_agg(json_build_array(
    coalesce(p.proargnames[i.position], ''),
    format_type(i.type, null),
    i.number <= p.pronargs - p.pronargdefaults,
    coalesce(p.proargmodes[i.position] = 'v', false)
  ) order by i.number) as list
  from (
    select position, type, row_number() over (order by position) as number
    from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality u(type, position)
    where p.proargmodes is null or p.proargmodes[position] in ('i', 'b', 'v')
  ) i
) a on true
-- No request can name the arguments of a function that leaves them unnamed, but a whole body can be the single one.
cross join lateral (
  select count(*) - count(nullif(name, '')) as unnamed, (array_agg(type))[1] as first
  from unnest(p.proargnames, p.proargtypes::oid[]) with ordinality u(name, type, position)
  where type is not null
) i
where (i.unnamed = 0 or i.unnamed = 1 and i.first = any (array['bytea', 'json', 'jsonb', 'text', 'xml']::regtype[]))
  and p.prokind = 'f' and t.typname not in ('trigger', 'event_trigger') and n.nspname = any($1::text[])
