-- Aggregates and functions whose result is a domain named like a media type.
select json_agg(json_build_array(
  n.nspname, p.proname, p.prokind = 'a',
  t.typname,
  case when p.prokind = 'a' then an.nspname end,
  case when p.prokind = 'a' then ar.relname end,
  p.prokind = 'a' and p.proargtypes[0] = 'anyelement'::regtype,
  case t.typbasetype when 'bytea'::regtype then 'bytea' when 'jsonb'::regtype then 'jsonb' end
) order by p.oid)
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_type t on t.oid = p.prorettype
left join pg_class ar on ar.reltype = p.proargtypes[0] and ar.reltype <> 0
left join pg_namespace an on an.oid = ar.relnamespace
where t.typtype = 'd' and t.typname ~ '^(\*/\*|[A-Za-z0-9.+_-]+/[A-Za-z0-9.+_-]+)$'
  and n.nspname = any($1::text[] || $2::text[])
  and ((p.prokind = 'a' and p.pronargs = 1 and (ar.oid is not null or p.proargtypes[0] = 'anyelement'::regtype)) or (p.prokind = 'f' and not p.proretset))
