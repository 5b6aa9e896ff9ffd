-- What clients, policies and triggers call, and what finds the subscribers of a change. Replaced whenever a migration is due.

-- Messages from SQL -------------------------------------------------------------------------------------------------------------

/* The topic that the policies of realtime.messages are asked about. */
create or replace function realtime.topic() returns text language sql stable as $$
  select nullif(current_setting('realtime.topic', true), '')
$$;

/* Sends a message to a topic. Never fails: what goes wrong is a warning, so that a trigger does not stop its table. */
create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true) returns void
language plpgsql as $$
declare
  message_id constant uuid := gen_random_uuid();
begin
  perform set_config('realtime.topic', topic, true);
  insert into realtime.messages (id, payload, event, topic, private, extension)
  values (message_id, case when payload ? 'id' then payload else jsonb_set(payload, '{id}', to_jsonb(message_id)) end, event, topic, private, 'broadcast');
exception when others then
  raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
end $$;

create or replace function realtime.send_binary(payload bytea, event text, topic text, private boolean default true) returns void
language plpgsql as $$
begin
  perform set_config('realtime.topic', topic, true);
  insert into realtime.messages (binary_payload, event, topic, private, extension) values (payload, event, topic, private, 'broadcast');
exception when others then
  raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
end $$;

/* For triggers: sends the row before and after the change. */
create or replace function realtime.broadcast_changes(
  topic_name text, event_name text, operation text, table_name text, table_schema text, new record, old record, level text default 'ROW'
) returns void language plpgsql as $$
begin
  if level = 'STATEMENT' then
    raise exception 'function can only be triggered for each row, not for each statement';
  elsif operation not in ('INSERT', 'UPDATE', 'DELETE') then
    raise exception 'Unexpected operation type: %', operation;
  end if;
  perform realtime.send(
    jsonb_build_object('old_record', old, 'record', new, 'operation', operation, 'table', table_name, 'schema', table_schema), event_name, topic_name);
exception when others then
  raise exception 'Failed to process the row: %', sqlerrm;
end $$;

-- Values and filters ------------------------------------------------------------------------------------------------------------

create or replace function realtime.cast(val text, type_ regtype) returns jsonb language plpgsql immutable as $$
declare
  result jsonb;
begin
  -- The text of a bytea is kept as it came; reading it would double its escapes.
  if type_ = 'bytea'::regtype then
    return to_jsonb(val);
  end if;
  execute format('select to_jsonb(%L::%s)', val, type_) into result;
  return result;
end $$;

/* Compares two texts as values of a type. */
create or replace function realtime.check_equality_op(op realtime.equality_op, type_ regtype, val_1 text, val_2 text, negate boolean) returns boolean
language plpgsql stable as $$
declare
  operator text;
  result boolean;
begin
  if op = 'is' then
    if val_2 not in ('null', 'true', 'false', 'unknown') then
      raise exception 'invalid value for is filter: must be null, true, false, or unknown';
    end if;
    execute format('select %L::%s is %s %s', val_1, type_, case when negate then 'not' end, val_2) into result;
    return result;
  elsif op = 'isdistinct' then
    execute format('select %L::%s is %s distinct from %L::%s', val_1, type_, case when negate then 'not' end, val_2, type_) into result;
    return result;
  end if;
  operator := case op
    when 'eq' then '=' when 'neq' then '<>' when 'lt' then '<' when 'lte' then '<=' when 'gt' then '>' when 'gte' then '>=' when 'in' then '= any'
    when 'like' then 'like' when 'ilike' then 'ilike' when 'match' then '~' when 'imatch' then '~*' end;
  if operator is null then
    raise exception 'unsupported equality operator: %', op;
  end if;
  execute format('select %L::%s %s (%L::%s%s)', val_1, type_, operator, val_2, type_, case when op = 'in' then '[]' end) into result;
  return case when negate then not result else result end;
end $$;

create or replace function realtime.check_equality_op(op realtime.equality_op, type_ regtype, val_1 text, val_2 text) returns boolean
language plpgsql immutable as $$
begin
  return realtime.check_equality_op(op, type_, val_1, val_2, false);
end $$;

/* Every filter has to find its column and to hold; a comparison that is null does not hold. */
create or replace function realtime.is_visible_through_filters(columns realtime.wal_column[], filters realtime.user_defined_filter[]) returns boolean
language sql stable as $$
  select coalesce(bool_and(
    case when c.name is null then false
         else coalesce(realtime.check_equality_op(f.op, coalesce(c.type_oid::regtype, c.type_name::regtype), c.value #>> '{}', f.value, coalesce(f.negate, false)), false)
    end), true)
    from unnest(filters) f left join unnest(columns) c on c.name = f.column_name
$$;

/* Before a subscription is stored: the role may read the columns, the values fit their types; order is made plain, so that equal ones meet. */
create or replace function realtime.subscription_check_filters() returns trigger language plpgsql as $$
declare
  readable constant text[] := array(
    select a.attname from pg_catalog.pg_attribute a
     where a.attrelid = new.entity and a.attnum > 0 and not a.attisdropped
       and pg_catalog.has_column_privilege(new.claims ->> 'role', a.attrelid, a.attnum, 'SELECT'));
  filter realtime.user_defined_filter;
  column_type regtype;
  wanted text;
begin
  foreach filter in array new.filters loop
    if not filter.column_name = any (readable) then
      raise exception 'invalid column for filter %', filter.column_name;
    end if;
    select a.atttypid into column_type from pg_catalog.pg_attribute a where a.attrelid = new.entity and a.attname = filter.column_name;
    if column_type is null then
      raise exception 'failed to lookup type for column %', filter.column_name;
    end if;
    case
      when filter.op = 'in' then
        if jsonb_array_length(realtime.cast(filter.value, (column_type::text || '[]')::regtype)) > 100 then
          raise exception 'too many values for `in` filter. Maximum 100';
        end if;
      when filter.op = 'is' then
        if filter.value not in ('null', 'true', 'false', 'unknown') then
          raise exception 'invalid value for is filter: must be null, true, false, or unknown';
        elsif filter.value <> 'null' and column_type <> 'boolean'::regtype then
          raise exception 'is % filter requires a boolean column, got %', filter.value, column_type;
        end if;
      when filter.op in ('like', 'ilike') then
        if not exists (select from pg_catalog.pg_operator where oprname = '~~' and oprleft = column_type) then
          raise exception 'operator % requires a text-compatible column type, got %', filter.op, column_type;
        end if;
      when filter.op in ('match', 'imatch') then
        if not exists (
          select from pg_catalog.pg_operator
           where oprname = case filter.op when 'match' then '~' else '~*' end and oprleft = column_type and oprright = column_type and oprresult = 'boolean'::regtype
        ) then
          raise exception 'operator % requires a text-compatible column type, got %', filter.op, column_type;
        end if;
        begin
          perform '' ~ filter.value;
        exception when others then
          raise exception 'invalid regular expression for % filter: %', filter.op, sqlerrm;
        end;
      else
        perform realtime.cast(filter.value, column_type);
    end case;
  end loop;

  foreach wanted in array coalesce(new.selected_columns, '{}') loop
    if not wanted = any (readable) then
      raise exception 'invalid column for select %', wanted;
    end if;
  end loop;

  new.filters := array(select f from unnest(new.filters) f order by f.column_name, f.op, f.value, f.negate);
  select array_agg(c order by c) into new.selected_columns from unnest(new.selected_columns) c;
  return new;
end $$;

do $$
begin
  if not exists (select from pg_trigger where tgrelid = 'realtime.subscription'::regclass and tgname = 'tr_check_filters') then
    create trigger tr_check_filters before insert or update on realtime.subscription
      for each row execute function realtime.subscription_check_filters();
  end if;
end $$;

-- Changes of tables, as the output plugin wal2json (format 2) tells them --------------------------------------------------------

create or replace function realtime.wal2json_escape_identifier(name text) returns text language sql immutable strict as $$
  select regexp_replace(name, '([\\,.[:space:]])', '\\\1', 'g')
$$;

create or replace function realtime.quote_wal2json(entity regclass) returns text language sql immutable strict as $$
  select realtime.wal2json_escape_identifier(n.nspname) || '.' || realtime.wal2json_escape_identifier(c.relname)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.oid = entity
$$;

/* The text that prepares "may whoever asks see this row": a look by the primary key, which row level security filters. */
create or replace function realtime.build_prepared_statement_sql(prepared_statement_name text, entity regclass, columns realtime.wal_column[]) returns text
language sql as $$
  select format('prepare %s as select exists (select 1 from %s where %s)', prepared_statement_name, entity,
                string_agg(format('%I = %s', k.name, quote_nullable(k.value #>> '{}')), ' and '))
    from unnest(columns) k
   where k.is_pkey
  having count(*) > 0
$$;

/* Who is told of one change, and what: a row for each role that listens and each choice of columns. */
create or replace function realtime.apply_rls(wal jsonb, max_record_bytes integer default 1024 * 1024) returns setof realtime.wal_rls
language plpgsql as $$
declare
  changed constant regclass := format('%I.%I', wal ->> 'schema', wal ->> 'table')::regclass;
  kind constant realtime.action := case wal ->> 'action' when 'I' then 'INSERT' when 'U' then 'UPDATE' when 'D' then 'DELETE' else 'ERROR' end;
  secured constant boolean := (select relrowsecurity from pg_class where oid = changed);
  too_large constant boolean := octet_length(wal::text) > max_record_bytes;
  head constant jsonb := jsonb_build_object('schema', wal ->> 'schema', 'table', wal ->> 'table', 'type', kind);
  listening constant realtime.subscription[] := array(
    select s from realtime.subscription s where s.entity = changed and s.action_filter in ('*', kind::text));
  now_columns realtime.wal_column[];
  old_columns realtime.wal_column[];
  role regrole;
  choice record;
  listener record;
  allowed boolean;
  reached uuid[];
  refusal text;
  body jsonb;
begin
  -- Whatever the caller had become: from here on it is itself, and others only where a policy is asked.
  perform set_config('role', null, true);
  now_columns := realtime_columns from (
    select array_agg((x ->> 'name', x ->> 'type', x ->> 'typeoid',
                      realtime.cast(x #>> '{value}', coalesce((x ->> 'typeoid')::regtype, (x ->> 'type')::regtype)),
                      exists (select from jsonb_array_elements(wal -> 'pk') k where k ->> 'name' = x ->> 'name'), true)::realtime.wal_column) as realtime_columns
      from jsonb_array_elements(wal -> 'columns') x) c;
  old_columns := realtime_columns from (
    select array_agg((x ->> 'name', x ->> 'type', x ->> 'typeoid',
                      realtime.cast(x #>> '{value}', coalesce((x ->> 'typeoid')::regtype, (x ->> 'type')::regtype)),
                      exists (select from jsonb_array_elements(wal -> 'pk') k where k ->> 'name' = x ->> 'name'), true)::realtime.wal_column) as realtime_columns
      from jsonb_array_elements(wal -> 'identity') x) c;

  for role in select s.claims_role from unnest(listening) s group by s.claims_role order by s.claims_role::text loop
    now_columns := array(select (c.name, c.type_name, c.type_oid, c.value, c.is_pkey, has_column_privilege(role, changed, c.name, 'SELECT'))::realtime.wal_column
                           from unnest(now_columns) c);
    old_columns := array(select (c.name, c.type_name, c.type_oid, c.value, c.is_pkey, has_column_privilege(role, changed, c.name, 'SELECT'))::realtime.wal_column
                           from unnest(old_columns) c);
    refusal := case
      when kind = 'DELETE' then null
      when not exists (select from unnest(now_columns) c where c.is_pkey) then 'Error 400: Bad Request, no primary key'
      when exists (select from unnest(now_columns) c where c.is_pkey and not c.is_selectable) then 'Error 401: Unauthorized'
    end;

    reached := '{}';
    if refusal is null then
      if secured and kind <> 'DELETE' then
        if exists (select from pg_prepared_statements where name = 'walrus_rls_stmt') then
          deallocate walrus_rls_stmt;
        end if;
        execute realtime.build_prepared_statement_sql('walrus_rls_stmt', changed, now_columns);
      end if;
      for listener in
        select s.subscription_id, s.claims from unnest(listening) s
         where s.claims_role = role
           and (realtime.is_visible_through_filters(now_columns, s.filters)
                or kind = 'DELETE' and realtime.is_visible_through_filters(old_columns, s.filters))
      loop
        allowed := true;
        if secured and kind <> 'DELETE' then
          perform set_config('role', trim(both '"' from role::text), true), set_config('request.jwt.claims', listener.claims::text, true);
          execute 'execute walrus_rls_stmt' into allowed;
          -- Back at once: the loop fetches its next rows as whoever is current then, and may have to call functions for them.
          perform set_config('role', null, true);
        end if;
        if allowed then
          reached := reached || listener.subscription_id;
        end if;
      end loop;
    end if;

    for choice in
      select s.selected_columns as columns, array_agg(s.subscription_id) as ids from unnest(listening) s
       where s.claims_role = role group by s.selected_columns order by coalesce(array_to_string(s.selected_columns, ','), '')
    loop
      if refusal is not null then
        return next (head, secured, choice.ids, array[refusal])::realtime.wal_rls;
        continue;
      end if;
      body := head || jsonb_build_object(
        'commit_timestamp', to_char((wal ->> 'timestamp')::timestamptz at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        'columns', (
          select jsonb_agg(jsonb_build_object('name', a.attname, 'type', t.typname) order by a.attnum)
            from pg_attribute a join pg_type t on t.oid = a.atttypid
           where a.attrelid = changed and a.attnum > 0 and has_column_privilege(role, changed, a.attname, 'SELECT')
             and (choice.columns is null or a.attname = any (choice.columns)
                  or exists (select from pg_constraint p where p.conrelid = changed and p.contype = 'p' and a.attnum = any (p.conkey)))));
      if kind in ('INSERT', 'UPDATE') then
        -- A large value that did not change is not in the new row; with the full identity it is in the old one.
        body := body || jsonb_build_object('record', (
          select jsonb_object_agg(coalesce(c.name, o.name), case when c.name is null then o.value else c.value end)
            from unnest(now_columns) c full join unnest(old_columns) o on o.name = c.name
           where coalesce(c.is_selectable, o.is_selectable)
             and (choice.columns is null or coalesce(c.name, o.name) = any (choice.columns) or coalesce(c.is_pkey, o.is_pkey))
             and (not too_large or octet_length(c.value::text) <= 64)));
      end if;
      if kind in ('UPDATE', 'DELETE') then
        -- Nobody can be asked whether a deleted row was visible, so of a secured table only its key is told.
        body := body || jsonb_build_object('old_record', (
          select jsonb_object_agg(o.name, o.value) from unnest(old_columns) o
           where o.is_selectable
             and (choice.columns is null or o.name = any (choice.columns) or o.is_pkey)
             and (not too_large or octet_length(o.value::text) <= 64)
             and (kind = 'UPDATE' or not secured or o.is_pkey)));
      end if;
      return next (body, secured, array(select id from unnest(choice.ids) id where id = any (reached)),
                   case when too_large then array['Error 413: Payload Too Large'] else '{}' end)::realtime.wal_rls;
    end loop;
  end loop;
  perform set_config('role', null, true);
end $$;

/* Reads a slot of wal2json and says who is told of what. There is always a row, so that the number of changes is known when nobody is told. */
create or replace function realtime.list_changes(publication name, slot_name name, max_changes integer, max_record_bytes integer)
returns table (wal jsonb, is_rls_enabled boolean, subscription_ids uuid[], errors text[], slot_changes_count bigint) language sql as $$
  with published as (
    select concat_ws(',', case when p.pubinsert then 'insert' end, case when p.pubupdate then 'update' end, case when p.pubdelete then 'delete' end) as actions,
           coalesce((select string_agg(realtime.quote_wal2json(format('%I.%I', t.schemaname, t.tablename)::regclass), ',')
                       from pg_publication_tables t where t.pubname = p.pubname), '') as tables
      from pg_publication p
     where p.pubname = publication
  ), change as materialized (
    select c.data::jsonb as data
      from published p,
           pg_logical_slot_get_changes(slot_name, null, max_changes, 'include-pk', 'true', 'include-transaction', 'false', 'include-timestamp', 'true',
             'include-type-oids', 'true', 'format-version', '2', 'actions', p.actions, 'add-tables', p.tables) c
     where p.tables <> ''
  ), told as (
    select r.wal, r.is_rls_enabled, r.subscription_ids, r.errors from change c, realtime.apply_rls(c.data, max_record_bytes) r where cardinality(r.subscription_ids) > 0
  )
  select t.wal, t.is_rls_enabled, t.subscription_ids, t.errors, n.changes
    from (select count(*) as changes from change) n left join told t on true
$$;

do $$
begin
  -- What a decoded change raises would fill the server's log at every poll.
  alter function realtime.list_changes(name, name, integer, integer) set log_min_messages to 'fatal';
exception when insufficient_privilege then
  raise notice 'realtime.list_changes: log_min_messages may not be set by %', current_user;
end $$;
