-- Takes out what a project has made in its database and leaves what the platform has made, so that migrations can run again.
-- Runs as `postgres`, which is no superuser.
do $$
declare
  rec record;
begin
  -- extensions beyond those that a new database has
  for rec in
    select extname from pg_catalog.pg_extension
    where extname not in ('pg_graphql', 'pg_net', 'pg_stat_statements', 'pgcrypto', 'pgjwt', 'pgsodium', 'plpgsql', 'supabase_vault', 'uuid-ossp')
  loop
    execute pg_catalog.format('drop extension if exists %I cascade', rec.extname);
  end loop;

  -- schemas of the project
  for rec in
    select nspname from pg_catalog.pg_namespace
    where nspname not in (
      'public', 'information_schema', 'auth', 'storage', 'realtime', '_realtime', 'extensions', 'graphql', 'graphql_public', 'vault',
      'net', 'cron', 'pgbouncer', 'pgsodium', 'pgsodium_masks', 'pgtle', 'pgmq', 'repack', 'supabase_functions', 'supabase_migrations',
      '_analytics', '_supavisor', 'etl', 'dbdev', 'tiger', 'tiger_data', 'topology', 'plinth')
      and nspname !~ '^(pg_|_?timescaledb_)'
  loop
    execute pg_catalog.format('drop schema if exists %I cascade', rec.nspname);
  end loop;

  -- everything in public that no extension owns
  for rec in
    select c.relname, c.relkind from pg_catalog.pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
      and not exists (select 1 from pg_catalog.pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype in ('e', 'i', 'a'))
    order by c.relkind = 'S'
  loop
    execute pg_catalog.format('drop %s if exists public.%I cascade',
      case rec.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' when 'S' then 'sequence' else 'table' end,
      rec.relname);
  end loop;
  for rec in
    select p.oid::regprocedure as signature from pg_catalog.pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and not exists (select 1 from pg_catalog.pg_depend d where d.objid = p.oid and d.classid = 'pg_proc'::regclass and d.deptype = 'e')
  loop
    execute pg_catalog.format('drop routine if exists %s cascade', rec.signature);
  end loop;
  for rec in
    select t.typname, t.typtype from pg_catalog.pg_type t
    where t.typnamespace = 'public'::regnamespace and t.typtype in ('c', 'd', 'e', 'r')
      and (t.typrelid = 0 or (select c.relkind = 'c' from pg_catalog.pg_class c where c.oid = t.typrelid))
      and not exists (select 1 from pg_catalog.pg_depend d where d.objid = t.oid and d.classid = 'pg_type'::regclass and d.deptype = 'e')
  loop
    execute pg_catalog.format('drop %s if exists public.%I cascade', case rec.typtype when 'd' then 'domain' else 'type' end, rec.typname);
  end loop;
  for rec in
    select c.collname from pg_catalog.pg_collation c where c.collnamespace = 'public'::regnamespace
  loop
    execute pg_catalog.format('drop collation if exists public.%I cascade', rec.collname);
  end loop;

  -- accounts and the project's own records
  for rec in
    select n.nspname, c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p')
      and ((n.nspname = 'auth' and c.relname <> 'schema_migrations') or n.nspname = 'supabase_migrations')
  loop
    execute pg_catalog.format('truncate %I.%I restart identity cascade', rec.nspname, rec.relname);
  end loop;

  -- policies on tables of the platform
  for rec in
    select schemaname, tablename, policyname from pg_catalog.pg_policies
  loop
    execute pg_catalog.format('drop policy if exists %I on %I.%I', rec.policyname, rec.schemaname, rec.tablename);
  end loop;

  -- publications of the project; the tables that it added to the platform's went with them
  for rec in
    select pubname from pg_catalog.pg_publication where pubname not like 'supabase_realtime%' and pubname not like 'realtime_messages%'
  loop
    execute pg_catalog.format('drop publication if exists %I', rec.pubname);
  end loop;
end $$;
