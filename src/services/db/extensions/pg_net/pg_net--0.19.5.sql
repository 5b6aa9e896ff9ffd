-- Asynchronous HTTP from SQL: requests are queued in a table, sent by the service `db` after the commit, and answered in another table.

create schema net;

create domain net.http_method as text check (value ilike 'get' or value ilike 'post' or value ilike 'delete');

create unlogged table net.http_request_queue (
  id bigserial,
  method net.http_method not null,
  url text not null,
  headers jsonb,
  body bytea,
  timeout_milliseconds int not null
);

create unlogged table net._http_response (
  id bigint,
  status_code integer,
  content_type text,
  headers jsonb,
  content text,
  timed_out bool,
  error_msg text,
  created timestamptz not null default now()
);
create index _http_response_created_idx on net._http_response (created);

create type net.request_status as enum ('PENDING', 'SUCCESS', 'ERROR');
create type net.http_response as (status_code integer, headers jsonb, body text);
create type net.http_response_result as (status net.request_status, message text, response net.http_response);

create function net.wake() returns void
  language sql
as $$
  select pg_catalog.pg_notify('plinth_net', '')
$$;

create function net._wake_after_insert() returns trigger
  language plpgsql
as $$
begin
  perform net.wake();
  return null;
end
$$;
create trigger wake_the_worker after insert on net.http_request_queue for each statement execute function net._wake_after_insert();

create function net.worker_restart() returns bool
  language sql
as $$
  select net.wake();
  select true
$$;

create function net.check_worker_is_up() returns void
  language plpgsql
as $$
begin
  if not exists (select from pg_catalog.pg_stat_activity where application_name = 'plinth db background') then
    raise exception 'the pg_net background worker is not up' using hint = 'It is part of the service db: is Plinth running?';
  end if;
end
$$;

create function net._urlencode_string(string varchar) returns text
  language sql immutable strict
as $$
  select coalesce(string_agg(
           case when byte between 48 and 57 or byte between 65 and 90 or byte between 97 and 122 or byte in (45, 46, 95, 126)
             then chr(byte) else '%' || upper(lpad(to_hex(byte), 2, '0')) end, '' order by position), '')
    from (
      select position, get_byte(convert_to(string, 'utf8'), position) as byte
        from generate_series(0, octet_length(convert_to(string, 'utf8')) - 1) as position
    ) as bytes
$$;

create function net._encode_url_with_params_array(url text, params_array text[]) returns text
  language sql immutable strict
as $$
  -- The fragment stays last; parameters go behind those that the url has.
  select case when cardinality(params_array) = 0 then url
    else base || case when base ~ '\?$|&$' then '' when base like '%?%' then '&' else '?' end || array_to_string(params_array, '&') || fragment end
    from (select split_part(url, '#', 1) as base, coalesce(substring(url from '#.*$'), '') as fragment) as parts
$$;

create function net._encode_params(url text, params jsonb) returns text
  language sql immutable
as $$
  select net._encode_url_with_params_array(
    url, coalesce((select array_agg(net._urlencode_string(key) || '=' || net._urlencode_string(value)) from jsonb_each_text(params)), '{}')
  )
$$;

create function net.http_get(url text, params jsonb default '{}'::jsonb, headers jsonb default '{}'::jsonb, timeout_milliseconds int default 5000)
  returns bigint
  language sql volatile strict parallel safe security definer
  set search_path = net
as $$
  insert into net.http_request_queue (method, url, headers, timeout_milliseconds)
  values ('GET', net._encode_params(url, params), headers, timeout_milliseconds)
  returning id
$$;

create function net.http_post(
  url text,
  body jsonb default '{}'::jsonb,
  params jsonb default '{}'::jsonb,
  headers jsonb default '{"Content-Type": "application/json"}'::jsonb,
  timeout_milliseconds int default 5000
)
  returns bigint
  language plpgsql volatile parallel safe security definer
  set search_path = net
as $$
declare
  content_type text;
  request_id bigint;
begin
  select value into content_type from jsonb_each_text(coalesce(headers, '{}')) where lower(key) = 'content-type' limit 1;
  if content_type is null then
    headers := coalesce(headers, '{}') || '{"Content-Type": "application/json"}';
  elsif content_type <> 'application/json' then
    raise exception 'Content-Type header must be "application/json"';
  end if;
  if body is null then
    raise exception 'body must not be null';
  end if;
  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  values ('POST', net._encode_params(url, params), headers, convert_to(body::text, 'UTF8'), timeout_milliseconds)
  returning id into request_id;
  return request_id;
end
$$;

create function net.http_delete(
  url text,
  params jsonb default '{}'::jsonb,
  headers jsonb default '{}'::jsonb,
  timeout_milliseconds int default 5000,
  body jsonb default null
)
  returns bigint
  language sql volatile parallel safe security definer
  set search_path = net
as $$
  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  values ('DELETE', net._encode_params(url, params), headers, convert_to(body::text, 'UTF8'), timeout_milliseconds)
  returning id
$$;

create function net._await_response(request_id bigint) returns bool
  language plpgsql volatile strict parallel safe
as $$
begin
  while not exists (select from net._http_response where id = request_id) loop
    perform pg_sleep(0.05);
  end loop;
  return true;
end
$$;

create function net._http_collect_response(request_id bigint, async bool default true) returns net.http_response_result
  language plpgsql volatile strict parallel safe
as $$
declare
  found_response net._http_response;
begin
  if not async then
    perform net._await_response(request_id);
  end if;
  select * into found_response from net._http_response where id = request_id;
  if found_response.id is null then
    if exists (select from net.http_request_queue where id = request_id) then
      return ('PENDING', 'request is pending processing', null)::net.http_response_result;
    end if;
    return ('ERROR', 'request matching request_id not found', null)::net.http_response_result;
  end if;
  if found_response.error_msg is not null then
    return ('ERROR', found_response.error_msg, null)::net.http_response_result;
  end if;
  return ('SUCCESS', 'ok', row(found_response.status_code, found_response.headers, found_response.content)::net.http_response)::net.http_response_result;
end
$$;

create function net.http_collect_response(request_id bigint, async bool default true) returns net.http_response_result
  language sql volatile strict parallel safe
as $$
  select net._http_collect_response(request_id, async)
$$;

revoke all on function net.http_get(text, jsonb, jsonb, int) from public;
revoke all on function net.http_post(text, jsonb, jsonb, jsonb, int) from public;
revoke all on function net.http_delete(text, jsonb, jsonb, int, jsonb) from public;

do $$
declare
  role_name text;
begin
  foreach role_name in array array['supabase_functions_admin', 'postgres', 'anon', 'authenticated', 'service_role'] loop
    continue when to_regrole(role_name) is null;
    execute format('grant usage on schema net to %I', role_name);
    execute format('grant execute on function net.http_get, net.http_post, net.http_delete to %I', role_name);
  end loop;
  if to_regrole('postgres') is not null then
    grant all on schema net to postgres;
    grant all on all tables in schema net to postgres;
    grant all on all sequences in schema net to postgres;
  end if;
end
$$;
