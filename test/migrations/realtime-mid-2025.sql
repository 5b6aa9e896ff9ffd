-- On top of realtime-first.sql: 2.34.47 of the middle of 2025 (60 versions), and the service's own tables of that time (24 versions).
create table realtime.messages (topic text not null, extension text not null, payload jsonb, event text, private boolean default false, updated_at timestamp not null default now(),
  inserted_at timestamp not null default now(), id uuid not null default gen_random_uuid(), constraint messages_pkey primary key (id, inserted_at)) partition by range (inserted_at);
alter table realtime.messages enable row level security;
create function realtime.topic() returns text language sql stable as $$ select '' $$;
create function realtime.send(payload jsonb, event text, topic text, private boolean default true) returns void language plpgsql as $$ begin end $$;
create function realtime.broadcast_changes(topic_name text, event_name text, operation text, table_name text, table_schema text, new record, old record, level text default 'ROW')
  returns void language plpgsql as $$ begin end $$;
grant usage on schema realtime to anon, authenticated, service_role;
grant select, insert, update on realtime.messages to anon, authenticated, service_role;
grant select on realtime.subscription to anon, authenticated, service_role;
alter table realtime.messages owner to supabase_realtime_admin;
create policy read on realtime.messages for select to authenticated using (realtime.topic() = 'kept');
create table _realtime.schema_migrations (version bigint not null primary key, inserted_at timestamp(0));
create table _realtime.tenants (id uuid not null primary key, name text, external_id text, jwt_secret text, max_concurrent_users integer not null default 200,
  inserted_at timestamp(0) not null, updated_at timestamp(0) not null, max_events_per_second integer not null default 100, postgres_cdc_default text default 'postgres_cdc_rls',
  max_bytes_per_second integer not null default 100000, max_channels_per_client integer not null default 100, max_joins_per_second integer not null default 500,
  suspend boolean default false, jwt_jwks jsonb, notify_private_alpha boolean default false, private_only boolean not null default false, migrations_ran integer default 0,
  broadcast_adapter varchar(255) default 'phoenix');
create unique index tenants_external_id_index on _realtime.tenants (external_id);
create table _realtime.extensions (id uuid not null primary key, type text, settings jsonb,
  tenant_external_id text constraint extensions_tenant_external_id_fkey references _realtime.tenants (external_id) on delete cascade,
  inserted_at timestamp(0) not null, updated_at timestamp(0) not null);
create unique index extensions_tenant_external_id_type_index on _realtime.extensions (tenant_external_id, type);
insert into _realtime.tenants (id, external_id, jwt_secret, inserted_at, updated_at) values (gen_random_uuid(), 'realtime-dev', 'x', now(), now());
