-- The parsed queries of views of the exposed and the extra schemas, as the server's node trees: they tell which column stems from which.
select r.oid::bigint::text, n.nspname, r.relname,
  (select json_agg(json_build_array(a.attnum, a.attname)) from pg_attribute a where a.attrelid = r.oid and a.attnum > 0)::text,
  w.ev_action::text
from pg_class r
join pg_namespace n on n.oid = r.relnamespace
join pg_rewrite w on w.ev_class = r.oid and w.ev_type = '1'
where r.relkind in ('v', 'm') and n.nspname = any($1::text[] || $2::text[])
