-- # the administrating role supabase_admin
do $$
begin
  if exists (select from pg_catalog.pg_roles where rolname = 'supabase_admin') then
    return;
  end if;
  create role supabase_admin login createrole createdb;
  if current_setting('is_superuser') = 'on' then
    alter role supabase_admin superuser replication bypassrls;
  end if;
end
$$;

-- # the roles
-- A role that exists keeps its attributes and settings: they may have been changed on purpose since.
do $$
declare
  wanted record;
begin
  for wanted in
    select * from (values
      ('postgres',                   'login createrole createdb',  array['search_path = "\$user", public, extensions']),
      ('anon',                       'nologin',                    array['statement_timeout = ''3s''']),
      ('authenticated',              'nologin',                    array['statement_timeout = ''8s''']),
      ('service_role',               'nologin',                    array[]::text[]),
      ('authenticator',              'login noinherit',            array['statement_timeout = ''8s''', 'lock_timeout = ''8s''']),
      ('supabase_auth_admin',        'login noinherit createrole', array['search_path = auth', 'idle_in_transaction_session_timeout = 60000']),
      ('supabase_storage_admin',     'login noinherit createrole', array['search_path = storage']),
      ('supabase_functions_admin',   'login noinherit createrole', array['search_path = supabase_functions']),
      ('supabase_realtime_admin',    'nologin noinherit',          array['search_path = public, extensions, realtime']),
      ('supabase_replication_admin', 'login',                      array[]::text[]),
      ('supabase_read_only_user',    'login',                      array[]::text[]),
      ('supabase_etl_admin',         'login',                      array[]::text[]),
      ('dashboard_user',             'nologin createdb createrole', array[]::text[]),
      ('pgbouncer',                  'login',                      array[]::text[])
    ) as roles (name, attributes, settings)
  loop
    continue when exists (select from pg_catalog.pg_roles where rolname = wanted.name);
    execute format('create role %I %s', wanted.name, wanted.attributes);
    for i in 1 .. coalesce(array_length(wanted.settings, 1), 0) loop
      execute format('alter role %I set %s', wanted.name, wanted.settings[i]);
    end loop;
  end loop;
end
$$;

-- # roles that see every row (BYPASSRLS)
do $$
declare
  name text;
begin
  foreach name in array array['postgres', 'service_role', 'supabase_read_only_user', 'supabase_etl_admin'] loop
    if not (select rolbypassrls from pg_catalog.pg_roles where rolname = name) then
      execute format('alter role %I bypassrls', name);
    end if;
  end loop;
end
$$;

-- # roles that may replicate (REPLICATION)
do $$
declare
  name text;
begin
  foreach name in array array['postgres', 'supabase_replication_admin', 'supabase_etl_admin', 'dashboard_user'] loop
    if not (select rolreplication from pg_catalog.pg_roles where rolname = name) then
      execute format('alter role %I replication', name);
    end if;
  end loop;
end
$$;

-- # quiet logs and the search path of the administrating roles
do $$
begin
  if exists (select from pg_catalog.pg_roles where rolname = 'supabase_admin') then
    alter role supabase_admin set search_path = "$user", public, auth, extensions;
    alter role supabase_admin set log_statement = 'none';
  end if;
  alter role supabase_auth_admin set log_statement = 'none';
  alter role supabase_storage_admin set log_statement = 'none';
end
$$;

-- # the API roles of authenticator
grant anon, authenticated, service_role to authenticator;
grant authenticator to supabase_storage_admin;
grant anon, authenticated, service_role to supabase_realtime_admin;

-- # postgres hands out the API roles
do $$
begin
  if current_user <> 'postgres' then
    grant anon, authenticated, service_role, authenticator to postgres with admin option;
  end if;
end
$$;

-- # postgres owns what the services own
-- Upstream's image does this with a library of its own; here membership gives the same: policies on storage.objects and
-- realtime.messages, triggers on auth.users.
grant supabase_auth_admin, supabase_storage_admin, supabase_realtime_admin, supabase_functions_admin to postgres;

-- # the login acts for the services
-- It made their roles and has to migrate their schemas; since Postgres 16 making a role is no longer a right to act as it.
do $$
begin
  if current_user <> 'postgres' and current_setting('is_superuser') = 'off' then
    grant supabase_auth_admin, supabase_storage_admin, supabase_realtime_admin, supabase_functions_admin to current_user;
  end if;
end
$$;

-- # monitoring for postgres
do $$
begin
  if not (select rolsuper from pg_catalog.pg_roles where rolname = 'postgres') then
    grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;
    if current_setting('server_version_num')::int >= 160000 then
      execute 'grant pg_create_subscription to postgres';
    end if;
  end if;
end
$$;

-- # reading everything for supabase_read_only_user
grant pg_read_all_data to supabase_read_only_user, supabase_etl_admin;

-- # postgres may reload the configuration
grant execute on function pg_catalog.pg_reload_conf() to postgres;

-- # settings that postgres may give to roles
-- What upstream's image allows its `postgres` to set; the names of REST's own settings one by one, as there is no pattern here.
do $$
declare
  name text;
begin
  if current_setting('server_version_num')::int < 150000 then
    return;
  end if;
  foreach name in array array[
    'log_lock_waits', 'log_min_duration_statement', 'log_min_messages', 'log_parameter_max_length', 'log_replication_commands',
    'log_statement', 'log_temp_files', 'session_replication_role', 'track_functions', 'track_io_timing', 'wal_compression',
    'auto_explain.log_analyze', 'auto_explain.log_min_duration', 'pg_net.batch_size', 'pg_net.ttl', 'safeupdate.enabled',
    'app.settings.jwt_secret', 'app.settings.jwt_exp',
    'pgrst.admin_server_host', 'pgrst.admin_server_port', 'pgrst.client_error_verbosity', 'pgrst.db_aggregates_enabled', 'pgrst.db_anon_role',
    'pgrst.db_channel', 'pgrst.db_channel_enabled', 'pgrst.db_extra_search_path', 'pgrst.db_hoisted_tx_settings', 'pgrst.db_max_rows',
    'pgrst.db_plan_enabled', 'pgrst.db_pool', 'pgrst.db_pre_config', 'pgrst.db_pre_request', 'pgrst.db_prepared_statements',
    'pgrst.db_root_spec', 'pgrst.db_schema', 'pgrst.db_schemas', 'pgrst.db_timezone_enabled', 'pgrst.db_tx_end', 'pgrst.db_use_legacy_gucs',
    'pgrst.jwt_aud', 'pgrst.jwt_cache_max_entries', 'pgrst.jwt_cache_max_lifetime', 'pgrst.jwt_role_claim_key', 'pgrst.jwt_secret',
    'pgrst.jwt_secret_is_base64', 'pgrst.log_level', 'pgrst.log_query', 'pgrst.openapi_mode', 'pgrst.openapi_security_active',
    'pgrst.openapi_server_proxy_uri', 'pgrst.server_cors_allowed_origins', 'pgrst.server_host', 'pgrst.server_port',
    'pgrst.server_timing_enabled', 'pgrst.server_trace_header', 'pgrst.server_unix_socket'
  ] loop
    execute format('grant set on parameter %s to postgres', name);
  end loop;
  grant set on parameter log_min_messages to supabase_realtime_admin;
end
$$;
