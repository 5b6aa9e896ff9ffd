-- Once in the life of a database: row level security without policies on what holds secrets, and reading for the role `postgres`.
-- Later tables get neither, as upstream has it; what postgres may do there comes from the default privileges of the database.
do $$
declare
  name text;
begin
  if exists (select from schema_migrations where version = '20240612123726') then
    return;
  end if;
  foreach name in array array[
    'schema_migrations', 'instances', 'users', 'audit_log_entries', 'saml_relay_states', 'refresh_tokens', 'mfa_factors', 'sessions',
    'sso_providers', 'sso_domains', 'mfa_challenges', 'mfa_amr_claims', 'saml_providers', 'flow_state', 'identities', 'one_time_tokens'
  ] loop
    execute format('alter table %I enable row level security', name);
    if exists (select from pg_roles where rolname = 'postgres') then
      execute format('grant select on %I to postgres with grant option', name);
    end if;
  end loop;
end $$;
