-- Functions from a row of one relation to rows of another.
select json_agg(json_build_array(
  fn.nspname, f.proname,
  sn.nspname, s.relname,
  tn.nspname, t.relname,
  not f.proretset or f.prorows = 1
) order by f.oid)
from pg_proc f
join pg_namespace fn on fn.oid = f.pronamespace
join pg_class s on s.reltype = f.proargtypes[0]
join pg_namespace sn on sn.oid = s.relnamespace
join pg_class t on t.reltype = f.prorettype
join pg_namespace tn on tn.oid = t.relnamespace
where f.pronargs = 1 and f.prokind = 'f'
  and sn.nspname = any($1::text[]) and tn.nspname = any($1::text[])
