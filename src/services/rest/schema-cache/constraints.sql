-- Foreign keys (of whole tables, not of partitions) and primary keys everywhere: exposed views may read tables of schemas that are not exposed.
select json_build_object(
  'foreign', (
    select json_agg(json_build_array(
      c.conname, c.conrelid::bigint, c.confrelid::bigint, n1.nspname, r1.relname, n2.nspname, r2.relname,
      (select json_agg(json_build_array(k.col, k.ref, a1.attname, a2.attname) order by k.position)
       from unnest(c.conkey, c.confkey) with ordinality k(col, ref, position)
       join pg_attribute a1 on a1.attrelid = c.conrelid and a1.attnum = k.col
       join pg_attribute a2 on a2.attrelid = c.confrelid and a2.attnum = k.ref),
      exists (
        select from pg_constraint u
        where u.conrelid = c.conrelid and u.contype in ('p', 'u') and u.conkey @> c.conkey and u.conkey <@ c.conkey
      )
    ) order by c.conrelid, c.conname)
    from pg_constraint c
    join pg_class r1 on r1.oid = c.conrelid
    join pg_namespace n1 on n1.oid = r1.relnamespace
    join pg_class r2 on r2.oid = c.confrelid
    join pg_namespace n2 on n2.oid = r2.relnamespace
    where c.contype = 'f' and c.conparentid = 0
  ),
  'primary', (
    select json_agg(json_build_array(c.conrelid::bigint, (
      select json_agg(json_build_array(k.col, a.attname) order by k.position)
      from unnest(c.conkey) with ordinality k(col, position)
      join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.col
    )) order by c.conrelid)
    from pg_constraint c
    join pg_class r on r.oid = c.conrelid
    join pg_namespace n on n.oid = r.relnamespace
    where c.contype = 'p' and n.nspname <> 'pg_catalog'
  )
)
