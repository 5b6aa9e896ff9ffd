-- The names that migrations and clients of pg_graphql use. Queries are not resolved: that takes upstream's compiled library.

create sequence graphql.seq_schema_version as int cycle;

create function graphql.get_schema_version() returns int
  language sql security definer
  set search_path = ''
as $$
  select last_value::int from graphql.seq_schema_version
$$;

create function graphql.resolve(query text, variables jsonb default '{}', "operationName" text default null, extensions jsonb default null)
  returns jsonb
  language sql immutable
as $$
  select jsonb_build_object('data', null, 'errors', jsonb_build_array(jsonb_build_object(
    'message', 'GraphQL is not served by the Postgres that Plinth brings along: pg_graphql needs compiled code. Set POSTGRES_HOST to a server that has it.'
  )))
$$;

create function graphql.comment_directive(comment_ text) returns jsonb
  language sql immutable
as $$
  -- `@graphql({"totalCount": {"enabled": true}})` in a comment.
  select coalesce((regexp_match(comment_, '@graphql\((.+)\)'))[1]::jsonb, '{}'::jsonb)
$$;

create function graphql.exception(message text) returns text
  language plpgsql
as $$
begin
  raise exception using errcode = '22000', message = message;
end
$$;

grant usage on sequence graphql.seq_schema_version to public;
