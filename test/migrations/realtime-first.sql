-- Realtime's schema in a tenant's database at its early versions (up to 20230328144023), as facts.
create type realtime.action as enum ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'ERROR');
create type realtime.equality_op as enum ('eq', 'neq', 'lt', 'lte', 'gt', 'gte', 'in');
create type realtime.user_defined_filter as (column_name text, op realtime.equality_op, value text);
create type realtime.wal_column as (name text, type_name text, type_oid oid, value jsonb, is_pkey boolean, is_selectable boolean);
create type realtime.wal_rls as (wal jsonb, is_rls_enabled boolean, subscription_ids uuid[], errors text[]);
create table realtime.schema_migrations (version bigint not null primary key, inserted_at timestamp(0));
create function realtime.to_regrole(role_name text) returns regrole language sql immutable as $$ select role_name::regrole $$;
create table realtime.subscription (id bigint not null generated always as identity constraint pk_subscription primary key, subscription_id uuid not null,
  entity regclass not null, filters realtime.user_defined_filter[] not null default '{}', claims jsonb not null,
  claims_role regrole not null generated always as (realtime.to_regrole(claims ->> 'role')) stored, created_at timestamp not null default timezone('utc', now()));
create index ix_realtime_subscription_entity on realtime.subscription (entity);
create unique index subscription_subscription_id_entity_filters_key on realtime.subscription (subscription_id, entity, filters);
create function realtime.subscription_check_filters() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger tr_check_filters before insert or update on realtime.subscription for each row execute function realtime.subscription_check_filters();
create function realtime."cast"(val text, type_ regtype) returns jsonb language plpgsql immutable as $$ begin return null; end $$;
create function realtime.check_equality_op(op realtime.equality_op, type_ regtype, val_1 text, val_2 text) returns boolean language plpgsql immutable as $$ begin return null; end $$;
create function realtime.is_visible_through_filters(columns realtime.wal_column[], filters realtime.user_defined_filter[]) returns boolean language sql immutable as $$ select true $$;
create function realtime.build_prepared_statement_sql(prepared_statement_name text, entity regclass, columns realtime.wal_column[]) returns text language sql as $$ select '' $$;
create function realtime.quote_wal2json(entity regclass) returns text language sql immutable strict as $$ select '' $$;
create function realtime.apply_rls(wal jsonb, max_record_bytes integer default 1024 * 1024) returns setof realtime.wal_rls language plpgsql as $$ begin end $$;
create function realtime.list_changes(publication name, slot_name name, max_changes integer, max_record_bytes integer) returns setof realtime.wal_rls
  language sql set log_min_messages to 'fatal' as $$ select null::realtime.wal_rls limit 0 $$;
insert into realtime.schema_migrations (version) values (20211116024918), (20230328144023);
insert into realtime.subscription (subscription_id, entity, claims) values (gen_random_uuid(), 'pg_class', '{"role": "anon"}');
