-- # the database belongs to postgres
do $$
begin
  if (select d.datdba <> 'postgres'::regrole and o.rolname = 'supabase_admin'
        from pg_catalog.pg_database d join pg_catalog.pg_roles o on o.oid = d.datdba where d.datname = current_database()) then
    execute format('alter database %I owner to postgres', current_database());
  end if;
end
$$;

-- # what roles may do in the database
do $$
begin
  execute format('grant all on database %I to postgres, dashboard_user', current_database());
  execute format('grant create on database %I to supabase_auth_admin, supabase_storage_admin, supabase_realtime_admin, supabase_etl_admin', current_database());
end
$$;

-- # the schemas
-- Each belongs to the role that upstream gives it to; where this login may not give it away, it stays with the login.
do $$
declare
  wanted record;
begin
  for wanted in
    select * from (values
      ('extensions', 'postgres'), ('auth', 'supabase_admin'), ('storage', 'supabase_admin'), ('realtime', 'supabase_admin'),
      ('_realtime', 'postgres'), ('graphql', 'supabase_admin'), ('graphql_public', 'supabase_admin'), ('vault', 'supabase_admin'),
      ('pgbouncer', 'pgbouncer'), ('supabase_functions', 'supabase_admin')
    ) as schemas (name, owner)
  loop
    continue when exists (select from pg_catalog.pg_namespace where nspname = wanted.name);
    execute format('create schema %I', wanted.name);
    if exists (select from pg_catalog.pg_roles where rolname = wanted.owner) then
      begin
        execute format('alter schema %I owner to %I', wanted.name, wanted.owner);
      exception when insufficient_privilege then
        raise warning 'schema % stays with %, as this login may not give it to %', wanted.name, current_user, wanted.owner;
      end;
    end if;
  end loop;
end
$$;

-- # grants on public
grant usage on schema public to postgres, anon, authenticated, service_role;

-- # what postgres creates in public is visible to the API roles
alter default privileges for role postgres in schema public grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on sequences to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on functions to postgres, anon, authenticated, service_role;

-- # what supabase_admin creates is visible to whom it concerns
do $$
declare
  kind text;
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'supabase_admin') then
    return;
  end if;
  foreach kind in array array['tables', 'sequences', 'functions'] loop
    execute format('alter default privileges for role supabase_admin in schema public grant all on %s to postgres, anon, authenticated, service_role', kind);
    execute format('alter default privileges for role supabase_admin in schema graphql grant all on %s to postgres, anon, authenticated, service_role', kind);
    execute format('alter default privileges for role supabase_admin in schema graphql_public grant all on %s to postgres, anon, authenticated, service_role', kind);
    execute format('alter default privileges for role supabase_admin in schema supabase_functions grant all on %s to postgres, anon, authenticated, service_role', kind);
    execute format('alter default privileges for role supabase_admin in schema realtime grant all on %s to postgres, dashboard_user', kind);
    execute format('alter default privileges for role supabase_admin in schema extensions grant all on %s to postgres with grant option', kind);
  end loop;
end
$$;

-- # grants on extensions
grant usage on schema extensions to anon, authenticated, service_role, supabase_realtime_admin;
grant all on schema extensions to postgres, dashboard_user;

-- # grants on auth
grant usage on schema auth to postgres, anon, authenticated, service_role, supabase_realtime_admin;
grant all on schema auth to supabase_auth_admin, dashboard_user;

-- # what the auth service creates is visible to postgres and dashboard_user
alter default privileges for role supabase_auth_admin in schema auth grant all on tables to postgres, dashboard_user;
alter default privileges for role supabase_auth_admin in schema auth grant all on sequences to postgres, dashboard_user;
alter default privileges for role supabase_auth_admin in schema auth grant all on functions to postgres, dashboard_user;

-- # grants on storage
grant usage on schema storage to postgres with grant option;
grant usage on schema storage to anon, authenticated, service_role;
grant all on schema storage to supabase_storage_admin with grant option;
grant all on schema storage to dashboard_user;

-- # what postgres creates in storage is visible to the API roles
alter default privileges for role postgres in schema storage grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema storage grant all on sequences to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema storage grant all on functions to postgres, anon, authenticated, service_role;

-- # grants on realtime
grant usage on schema realtime to postgres with grant option;
grant all on schema realtime to supabase_realtime_admin with grant option;
grant create, usage on schema public to supabase_realtime_admin;

-- # grants on graphql and graphql_public
grant usage on schema graphql, graphql_public to postgres with grant option;
grant usage on schema graphql, graphql_public to anon, authenticated, service_role;

-- # grants on supabase_functions
grant usage on schema supabase_functions to postgres, anon, authenticated, service_role;
grant all on schema supabase_functions to supabase_functions_admin;

-- # the publication of Realtime
do $$
begin
  if not exists (select from pg_catalog.pg_publication where pubname = 'supabase_realtime') then
    create publication supabase_realtime;
  end if;
end
$$;
do $$
begin
  if (select o.rolname = 'supabase_admin' from pg_catalog.pg_publication p join pg_catalog.pg_roles o on o.oid = p.pubowner where pubname = 'supabase_realtime') then
    alter publication supabase_realtime owner to postgres;
  end if;
end
$$;

-- # how a pooler reads the stored passwords
create or replace function pgbouncer.get_auth(p_usename text)
  returns table (username text, password text)
  language sql stable security definer
  set search_path = ''
as $$
  select a.rolname::text, case when a.rolvaliduntil < now() then null else a.rolpassword end
    from pg_catalog.pg_authid a
   where a.rolname = p_usename and a.rolcanlogin
$$;
revoke all on function pgbouncer.get_auth(text) from public;
grant usage on schema pgbouncer to pgbouncer;
grant execute on function pgbouncer.get_auth(text) to pgbouncer;
