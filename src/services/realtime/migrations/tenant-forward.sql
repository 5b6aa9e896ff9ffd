-- Brings an older database that Realtime listens to forward. Each statement finds nothing to do where it was done before. What it empties or
-- makes anew, subscriptions and messages, lives for minutes or days; clients make it again.

-- The first form of authorization, and messages from before they were partitioned.
drop table if exists realtime.broadcasts, realtime.presences, realtime.channels cascade;
do $$
begin
  if exists (select from pg_class where oid = to_regclass('realtime.messages') and relkind <> 'p') then
    drop table realtime.messages cascade;
  end if;
end $$;

-- Functions that are gone, or whose results are others now.
do $$
declare
  old regprocedure;
begin
  for old in
    select p.oid from pg_proc p
     where p.pronamespace = 'realtime'::regnamespace
       and (p.proname in ('channel_name', 'can_insert_object')
         or p.proname = 'send' and p.proargtypes[0] = 'bytea'::regtype
         or p.proname = 'list_changes' and pg_get_function_result(p.oid) not like '%slot_changes_count%'
         or p.proname = 'apply_rls' and pg_get_function_result(p.oid) <> 'SETOF realtime.wal_rls')
  loop
    execute format('drop function %s', old);
  end loop;
end $$;

do $$
declare
  label text;
begin
  if to_regtype('realtime.equality_op') is not null then
    foreach label in array array['in', 'like', 'ilike', 'is', 'match', 'imatch', 'isdistinct'] loop
      if not exists (select from pg_enum where enumtypid = to_regtype('realtime.equality_op') and enumlabel = label) then
        execute format('alter type realtime.equality_op add value %L', label);
      end if;
    end loop;
  end if;
  if to_regclass('realtime.subscription') is not null
     and not exists (select from pg_attribute where attrelid = 'realtime.subscription'::regclass and attname = 'selected_columns') then
    truncate realtime.subscription;
    alter table realtime.subscription
      add column if not exists action_filter text default '*'
        constraint subscription_action_filter_check check (action_filter in ('*', 'INSERT', 'UPDATE', 'DELETE')),
      add column selected_columns text[];
  end if;
  if to_regtype('realtime.user_defined_filter') is not null and not exists (
    select from pg_type t join pg_attribute a on a.attrelid = t.typrelid
     where t.oid = to_regtype('realtime.user_defined_filter') and a.attname = 'negate' and not a.attisdropped
  ) then
    truncate realtime.subscription;
    alter type realtime.user_defined_filter add attribute negate boolean cascade;
  end if;
end $$;
drop index if exists realtime.subscription_subscription_id_entity_filters_key, realtime.subscription_subscription_id_entity_filters_action_filter_key;
alter table if exists realtime.messages add column if not exists binary_payload bytea;
