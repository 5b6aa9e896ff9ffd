-- The tables of the Realtime service itself: whom it serves. Run on a fresh database, and after forward.sql on an older one.

create table if not exists _realtime.schema_migrations (
  version bigint not null constraint schema_migrations_pkey primary key,
  inserted_at timestamp(0)
);

create table if not exists _realtime.tenants (
  id uuid not null constraint tenants_pkey primary key,
  name text,
  external_id text,
  jwt_secret text,
  max_concurrent_users integer not null default 200,
  inserted_at timestamp(0) not null,
  updated_at timestamp(0) not null,
  max_events_per_second integer not null default 100,
  postgres_cdc_default text default 'postgres_cdc_rls',
  max_bytes_per_second integer not null default 100000,
  max_channels_per_client integer not null default 100,
  max_joins_per_second integer not null default 500,
  suspend boolean default false,
  jwt_jwks jsonb,
  notify_private_alpha boolean default false,
  private_only boolean not null default false,
  migrations_ran integer default 0,
  broadcast_adapter varchar(255) default 'gen_rpc',
  max_presence_events_per_second integer default 1000,
  max_payload_size_in_kb integer default 3000,
  max_client_presence_events_per_window integer,
  client_presence_window_ms integer,
  presence_enabled boolean not null default false,
  feature_flags jsonb not null default '{}',
  gcm_migrated_at timestamp(0),
  constraint jwt_secret_or_jwt_jwks_required check (jwt_secret is not null or jwt_jwks is not null)
);
create unique index if not exists tenants_external_id_index on _realtime.tenants (external_id);

create table if not exists _realtime.extensions (
  id uuid not null constraint extensions_pkey primary key,
  type text,
  settings jsonb,
  tenant_external_id text constraint extensions_tenant_external_id_fkey references _realtime.tenants (external_id) on delete cascade,
  inserted_at timestamp(0) not null,
  updated_at timestamp(0) not null
);
create unique index if not exists extensions_tenant_external_id_type_index on _realtime.extensions (tenant_external_id, type);

create table if not exists _realtime.feature_flags (
  id uuid not null constraint feature_flags_pkey primary key,
  name varchar(255) not null,
  enabled boolean not null default false,
  inserted_at timestamp(0) not null,
  updated_at timestamp(0) not null,
  rollout_percentage integer not null default 100
    constraint rollout_percentage_must_be_between_0_and_100 check (rollout_percentage >= 0 and rollout_percentage <= 100),
  bucket_key varchar(255)
);
create unique index if not exists feature_flags_name_index on _realtime.feature_flags (name);
