-- Brings the service's tables of an older database forward. Each statement finds nothing to do where it was done before.
do $$
declare
  part record;
begin
  -- Texts were once limited to 255 characters.
  for part in
    select attrelid::regclass as of_table, attname from pg_attribute
     where attrelid in (to_regclass('_realtime.tenants'), to_regclass('_realtime.extensions')) and atttypid = 'varchar'::regtype
       and attname in ('name', 'external_id', 'jwt_secret', 'postgres_cdc_default', 'type', 'tenant_external_id')
  loop
    execute format('alter table %s alter column %I type text', part.of_table, part.attname);
  end loop;
  if to_regclass('_realtime.tenants') is not null
     and exists (select from pg_attribute where attrelid = '_realtime.tenants'::regclass and attname = 'enable_authorization' and not attisdropped) then
    alter table _realtime.tenants drop column enable_authorization;
  end if;
end $$;

alter table if exists _realtime.tenants
  add column if not exists max_events_per_second integer not null default 100,
  add column if not exists postgres_cdc_default text default 'postgres_cdc_rls',
  add column if not exists max_bytes_per_second integer not null default 100000,
  add column if not exists max_channels_per_client integer not null default 100,
  add column if not exists max_joins_per_second integer not null default 500,
  add column if not exists suspend boolean default false,
  add column if not exists jwt_jwks jsonb,
  add column if not exists notify_private_alpha boolean default false,
  add column if not exists private_only boolean not null default false,
  add column if not exists migrations_ran integer default 0,
  add column if not exists broadcast_adapter varchar(255) default 'gen_rpc',
  add column if not exists max_presence_events_per_second integer default 1000,
  add column if not exists max_payload_size_in_kb integer default 3000,
  add column if not exists max_client_presence_events_per_window integer,
  add column if not exists client_presence_window_ms integer,
  add column if not exists presence_enabled boolean not null default false,
  add column if not exists feature_flags jsonb not null default '{}',
  add column if not exists gcm_migrated_at timestamp(0);
alter table if exists _realtime.tenants
  alter column jwt_secret drop not null,
  alter column max_concurrent_users set default 200,
  alter column max_joins_per_second set default 500,
  alter column broadcast_adapter set default 'gen_rpc',
  alter column max_presence_events_per_second set default 1000,
  alter column max_payload_size_in_kb set default 3000;
alter table if exists _realtime.feature_flags
  add column if not exists rollout_percentage integer not null default 100,
  add column if not exists bucket_key varchar(255);

do $$
declare
  wanted record;
begin
  for wanted in
    select * from (values
      ('_realtime.tenants', 'jwt_secret_or_jwt_jwks_required', 'jwt_secret is not null or jwt_jwks is not null'),
      ('_realtime.feature_flags', 'rollout_percentage_must_be_between_0_and_100', 'rollout_percentage >= 0 and rollout_percentage <= 100')
    ) as t (of_table, name, definition)
  loop
    if to_regclass(wanted.of_table) is not null
       and not exists (select from pg_constraint where conrelid = to_regclass(wanted.of_table) and conname = wanted.name) then
      execute format('alter table %s add constraint %I check (%s)', wanted.of_table, wanted.name, wanted.definition);
    end if;
  end loop;
end $$;
