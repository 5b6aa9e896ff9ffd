-- # the GraphQL function while pg_graphql is not enabled
do $$
begin
  if not exists (select from pg_catalog.pg_proc where proname = 'graphql' and pronamespace = 'graphql_public'::regnamespace) then
    create function graphql_public.graphql(
      "operationName" text default null,
      query text default null,
      variables jsonb default null,
      extensions jsonb default null
    ) returns jsonb
      language sql immutable
      set search_path = ''
    as $body$
      select '{"errors": [{"message": "pg_graphql extension is not enabled."}]}'::jsonb
    $body$;
    grant execute on function graphql_public.graphql(text, text, jsonb, jsonb) to postgres, anon, authenticated, service_role;
  end if;
end
$$;

-- # event triggers that keep the GraphQL function in step with pg_graphql
create or replace function extensions.grant_pg_graphql_access() returns event_trigger
  language plpgsql security definer
  set search_path = ''
as $$
begin
  if not exists (
    select from pg_catalog.pg_event_trigger_ddl_commands() as made join pg_catalog.pg_extension as e on e.oid = made.objid where e.extname = 'pg_graphql'
  ) then
    return;
  end if;
  drop function if exists graphql_public.graphql(text, text, jsonb, jsonb);
  create function graphql_public.graphql(
    "operationName" text default null,
    query text default null,
    variables jsonb default null,
    extensions jsonb default null
  ) returns jsonb
    language sql
    set search_path = ''
  as $body$
    select graphql.resolve(query := query, variables := coalesce(variables, '{}'), "operationName" := "operationName", extensions := extensions)
  $body$;
  -- A member of the extension: dropping that drops this, which brings the placeholder back.
  alter extension pg_graphql add function graphql_public.graphql(text, text, jsonb, jsonb);
  grant execute on function graphql_public.graphql(text, text, jsonb, jsonb) to postgres, anon, authenticated, service_role;
  grant usage on schema graphql, graphql_public to postgres with grant option;
  grant usage on schema graphql, graphql_public to anon, authenticated, service_role;
  grant execute on function graphql.resolve to postgres, anon, authenticated, service_role;
end
$$;
comment on function extensions.grant_pg_graphql_access() is 'Grants access to pg_graphql';

create or replace function extensions.set_graphql_placeholder() returns event_trigger
  language plpgsql security definer
  set search_path = ''
as $$
begin
  if not exists (select from pg_catalog.pg_event_trigger_dropped_objects() as dropped where dropped.schema_name = 'graphql_public') then
    return;
  end if;
  create or replace function graphql_public.graphql(
    "operationName" text default null,
    query text default null,
    variables jsonb default null,
    extensions jsonb default null
  ) returns jsonb
    language sql immutable
    set search_path = ''
  as $body$
    select '{"errors": [{"message": "pg_graphql extension is not enabled."}]}'::jsonb
  $body$;
  grant execute on function graphql_public.graphql(text, text, jsonb, jsonb) to postgres, anon, authenticated, service_role;
end
$$;
comment on function extensions.set_graphql_placeholder() is 'Reintroduces placeholder function for graphql_public.graphql';

do $$
begin
  if not exists (select from pg_catalog.pg_event_trigger where evtname = 'issue_pg_graphql_access') then
    create event trigger issue_pg_graphql_access on ddl_command_end when tag in ('CREATE EXTENSION') execute function extensions.grant_pg_graphql_access();
  end if;
  if not exists (select from pg_catalog.pg_event_trigger where evtname = 'issue_graphql_placeholder') then
    create event trigger issue_graphql_placeholder on sql_drop when tag in ('DROP EXTENSION') execute function extensions.set_graphql_placeholder();
  end if;
end
$$;
