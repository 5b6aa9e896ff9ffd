-- # event triggers that tell REST of changes
create or replace function extensions.pgrst_ddl_watch() returns event_trigger
  language plpgsql
  set search_path = ''
as $$
declare
  command record;
begin
  for command in select * from pg_catalog.pg_event_trigger_ddl_commands() loop
    -- Neither temporary objects nor the services' own schemas matter to the API.
    if (command.command_tag = 'CREATE TRIGGER' and command.object_identity not like '% pg\_temp.%')
      or (
        command.command_tag in (
          'CREATE SCHEMA', 'ALTER SCHEMA', 'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE', 'CREATE FOREIGN TABLE',
          'ALTER FOREIGN TABLE', 'CREATE VIEW', 'ALTER VIEW', 'CREATE MATERIALIZED VIEW', 'ALTER MATERIALIZED VIEW', 'CREATE FUNCTION',
          'ALTER FUNCTION', 'CREATE TYPE', 'ALTER TYPE', 'CREATE RULE', 'COMMENT'
        )
        and coalesce(command.schema_name, '') not in ('pg_temp', 'auth', 'realtime', '_realtime', 'storage')
      )
    then
      notify pgrst, 'reload schema';
      return;
    end if;
  end loop;
end
$$;

create or replace function extensions.pgrst_drop_watch() returns event_trigger
  language plpgsql
  set search_path = ''
as $$
begin
  if exists (
    select
      from pg_catalog.pg_event_trigger_dropped_objects() as dropped
     where (dropped.object_type = 'trigger' and dropped.object_identity not like '% pg\_temp.%')
        or (
          dropped.object_type in ('schema', 'table', 'foreign table', 'view', 'materialized view', 'function', 'type', 'rule')
          and not dropped.is_temporary
          and coalesce(dropped.schema_name, '') not in ('auth', 'realtime', '_realtime', 'storage')
        )
  ) then
    notify pgrst, 'reload schema';
  end if;
end
$$;

do $$
begin
  if not exists (select from pg_catalog.pg_event_trigger where evtname = 'pgrst_ddl_watch') then
    create event trigger pgrst_ddl_watch on ddl_command_end execute function extensions.pgrst_ddl_watch();
  end if;
  if not exists (select from pg_catalog.pg_event_trigger where evtname = 'pgrst_drop_watch') then
    create event trigger pgrst_drop_watch on sql_drop execute function extensions.pgrst_drop_watch();
  end if;
end
$$;

-- # event trigger that opens pg_cron to postgres
-- It runs with the rights of the superuser: `postgres` creates the extension and owns nothing in it.
create or replace function extensions.grant_pg_cron_access() returns event_trigger
  language plpgsql security definer
  set search_path = ''
as $$
declare
  kind text;
begin
  if not exists (
    select from pg_catalog.pg_event_trigger_ddl_commands() as made join pg_catalog.pg_extension as e on e.oid = made.objid where e.extname = 'pg_cron'
  ) then
    return;
  end if;
  grant usage on schema cron to postgres with grant option;
  foreach kind in array array['tables', 'sequences', 'functions'] loop
    execute format('alter default privileges for role %I in schema cron grant all on %s to postgres with grant option', current_user, kind);
  end loop;
  grant all on all tables in schema cron to postgres with grant option;
  -- Jobs are changed by cron's functions alone, which check whose job it is.
  revoke all on table cron.job from postgres;
  grant select on table cron.job to postgres with grant option;
  revoke trigger on cron.job_run_details from postgres;
end
$$;
comment on function extensions.grant_pg_cron_access() is 'Grants access to pg_cron';

do $$
begin
  if not exists (select from pg_catalog.pg_event_trigger where evtname = 'issue_pg_cron_access') then
    create event trigger issue_pg_cron_access on ddl_command_end when tag in ('CREATE EXTENSION') execute function extensions.grant_pg_cron_access();
  end if;
end
$$;

-- # event trigger that opens pg_net to the API roles
create or replace function extensions.grant_pg_net_access() returns event_trigger
  language plpgsql security definer
  set search_path = ''
as $$
begin
  if exists (
    select from pg_catalog.pg_event_trigger_ddl_commands() as made join pg_catalog.pg_extension as e on e.oid = made.objid where e.extname = 'pg_net'
  ) then
    if not exists (select from pg_catalog.pg_roles where rolname = 'supabase_functions_admin') then
      create role supabase_functions_admin login noinherit createrole;
    end if;
    grant usage on schema net to supabase_functions_admin, postgres, anon, authenticated, service_role;
  end if;
end
$$;
comment on function extensions.grant_pg_net_access() is 'Grants access to pg_net';

do $$
begin
  if not exists (select from pg_catalog.pg_event_trigger where evtname = 'issue_pg_net_access') then
    create event trigger issue_pg_net_access on ddl_command_end when tag in ('CREATE EXTENSION') execute function extensions.grant_pg_net_access();
  end if;
end
$$;
