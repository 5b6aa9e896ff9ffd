-- The role that owns what Realtime keeps in a database, for a server that no database image prepared.
do $$
declare
  role text;
begin
  if exists (select from pg_roles where rolname = 'supabase_realtime_admin')
     or not (select rolsuper or rolcreaterole from pg_roles where rolname = current_user) then
    return;
  end if;
  create role supabase_realtime_admin nologin noinherit;
  alter role supabase_realtime_admin set search_path to public, extensions, realtime;
  -- Since Postgres 16 making a role is no longer a right to act as it.
  if not (select rolsuper from pg_roles where rolname = current_user) then
    execute 'grant supabase_realtime_admin to current_user';
  end if;
  for role in select rolname from pg_roles where rolname in ('anon', 'authenticated', 'service_role') loop
    execute format('grant %I to supabase_realtime_admin', role);
  end loop;
end $$;
