-- Implicit casts by function between domains and json or text: how a domain's values are read and shown.
select json_agg(json_build_array(format_type(c.castsource, null), format_type(c.casttarget, null), c.castfunc::regproc::text))
from pg_cast c
join pg_type s on s.oid = c.castsource
join pg_type t on t.oid = c.casttarget
where c.castcontext = 'i' and c.castmethod = 'f' and has_function_privilege(c.castfunc, 'execute')
  and ((s.typtype = 'd' and c.casttarget in ('json'::regtype, 'text'::regtype)) or (t.typtype = 'd' and c.castsource in ('json'::regtype, 'text'::regtype)))
