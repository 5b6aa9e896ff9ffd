-- Brings the tables of an older database forward. Each statement finds nothing to do where it was done before. Whole tables and indexes
-- are left to schema.sql, functions and triggers to functions.sql and lists.sql.

-- The time of the table `prefixes`: a row for each folder, kept by triggers. The lists now find folders by themselves.
do $$
declare
  part text;
begin
  foreach part in array array['objects_delete_delete_prefix', 'objects_insert_create_prefix', 'objects_update_create_prefix',
                              'objects_delete_cleanup', 'objects_update_cleanup', 'objects_update_level_trigger'] loop
    execute format('drop trigger if exists %I on storage.objects', part);
  end loop;
end $$;
drop table if exists storage.prefixes cascade;
alter table storage.objects drop column if exists level;
drop index if exists storage.idx_objects_lower_name, storage.idx_name_bucket_level_unique, storage.objects_bucket_id_level_idx;

-- Functions that are gone, or whose arguments or results are others now. What something of the user depends on stays where it is.
do $$
declare
  old regprocedure;
begin
  for old in
    select p.oid from pg_proc p
     where p.pronamespace = 'storage'::regnamespace
       and (p.proname in ('add_prefixes', 'delete_leaf_prefixes', 'delete_prefix', 'delete_prefix_hierarchy_trigger', 'get_level', 'get_prefix',
                          'get_prefixes', 'lock_top_prefixes', 'objects_delete_cleanup', 'objects_insert_prefix_trigger', 'objects_update_cleanup',
                          'objects_update_level_trigger', 'objects_update_prefix_trigger', 'prefixes_delete_cleanup', 'prefixes_insert_trigger',
                          'search_legacy_v1', 'search_v1_optimised')
         or p.proname = 'search' and p.pronargs < 8
         or p.proname = 'search_v2' and pg_get_function_identity_arguments(p.oid) not like '%sort_column_after%'
         or p.proname = 'list_objects_with_delimiter' and pg_get_function_identity_arguments(p.oid) not like '%sort_order%'
         or p.proname in ('search_v2', 'search_by_timestamp', 'list_objects_with_delimiter') and pg_get_function_result(p.oid) not like '%last_accessed_at%'
         or p.proname = 'get_size_by_bucket' and pg_get_function_result(p.oid) not like '%size bigint%')
  loop
    begin
      execute format('drop function %s', old);
    exception when dependent_objects_still_exist then
      raise warning 'the function % stays, because something of yours depends on it', old;
    end;
  end loop;
end $$;

do $$
begin
  if to_regtype('storage.buckettype') is not null
     and not exists (select from pg_enum where enumtypid = to_regtype('storage.buckettype') and enumlabel = 'VECTOR') then
    alter type storage.buckettype add value 'VECTOR';
  elsif to_regtype('storage.buckettype') is null then
    create type storage.buckettype as enum ('STANDARD', 'ANALYTICS', 'VECTOR');
  end if;
end $$;

alter table storage.migrations alter column executed_at set default current_timestamp;

do $$
begin
  if exists (select from pg_attribute where attrelid = 'storage.buckets'::regclass and attname = 'max_file_size_kb') then
    alter table storage.buckets rename column max_file_size_kb to file_size_limit;
    alter table storage.buckets alter column file_size_limit type bigint;
  end if;
end $$;
alter table storage.buckets
  drop column if exists iceberg_catalog,
  drop constraint if exists buckets_owner_fkey,
  add column if not exists public boolean default false,
  add column if not exists avif_autodetection boolean default false,
  add column if not exists file_size_limit bigint,
  add column if not exists allowed_mime_types text[],
  add column if not exists owner_id text,
  add column if not exists type storage.buckettype not null default 'STANDARD',
  add column if not exists versioning_status text not null default 'DISABLED';
alter table storage.objects
  drop constraint if exists objects_owner_fkey,
  alter column id set default gen_random_uuid(),
  add column if not exists path_tokens text[] generated always as (string_to_array(name, '/')) stored,
  add column if not exists version text,
  add column if not exists owner_id text,
  add column if not exists user_metadata jsonb,
  add column if not exists archived_at timestamptz,
  add column if not exists is_delete_marker boolean not null default false,
  add column if not exists is_versioned boolean not null default false;
do $$
declare
  wanted record;
begin
  for wanted in
    select * from (values
      ('buckets_versioning_status_check', 'versioning_status in (''DISABLED'', ''ENABLED'', ''SUSPENDED'')'),
      ('buckets_versioning_standard_only_check', 'type = ''STANDARD'' or versioning_status = ''DISABLED'''),
      ('buckets_versioning_dark_check', 'versioning_status = ''DISABLED''')
    ) as t (name, definition)
  loop
    if not exists (select from pg_constraint where conrelid = 'storage.buckets'::regclass and conname = wanted.name) then
      execute format('alter table storage.buckets add constraint %I check (%s)', wanted.name, wanted.definition);
    end if;
  end loop;
end $$;

alter table if exists storage.s3_multipart_uploads
  add column if not exists owner_id text,
  add column if not exists user_metadata jsonb,
  add column if not exists metadata jsonb;
alter table if exists storage.s3_multipart_uploads_parts add column if not exists owner_id text;
do $$
declare
  part record;
begin
  for part in
    select attrelid::regclass as of_table, attname from pg_attribute
     where (attrelid = to_regclass('storage.s3_multipart_uploads') and attname = 'in_progress_size'
         or attrelid = to_regclass('storage.s3_multipart_uploads_parts') and attname = 'size') and atttypid = 'integer'::regtype
  loop
    execute format('alter table %s alter column %I type bigint', part.of_table, part.attname);
  end loop;
end $$;

-- Analytics buckets: the name was the key once, and catalogues were referred to by it.
do $$
declare
  part text;
begin
  if to_regclass('storage.buckets_analytics') is null then
    return;
  end if;
  if not exists (select from pg_attribute where attrelid = 'storage.buckets_analytics'::regclass and attname = 'name' and not attisdropped) then
    alter table if exists storage.iceberg_namespaces drop constraint if exists iceberg_namespaces_bucket_id_fkey;
    alter table if exists storage.iceberg_tables drop constraint if exists iceberg_tables_bucket_id_fkey;
    alter table storage.buckets_analytics drop constraint buckets_analytics_pkey;
    alter table storage.buckets_analytics rename column id to name;
    alter table storage.buckets_analytics add column id uuid not null default gen_random_uuid() constraint buckets_analytics_pkey primary key;
  end if;
  alter table storage.buckets_analytics add column if not exists deleted_at timestamptz;
  if to_regclass('storage.iceberg_namespaces') is null then
    return;
  end if;
  alter table storage.iceberg_namespaces add column if not exists metadata jsonb not null default '{}';
  alter table storage.iceberg_tables
    add column if not exists remote_table_id text, add column if not exists shard_key text, add column if not exists shard_id text;
  foreach part in array array['iceberg_namespaces', 'iceberg_tables'] loop
    continue when exists (
      select from pg_attribute where attrelid = format('storage.%I', part)::regclass and attname = 'catalog_id' and not attisdropped);
    execute format('alter table storage.%I rename column bucket_id to bucket_name', part);
    execute format('alter table storage.%1$I add column catalog_id uuid constraint %2$I references storage.buckets_analytics (id) on delete cascade',
                   part, part || '_catalog_id_fkey');
    execute format('update storage.%I t set catalog_id = b.id from storage.buckets_analytics b where b.name = t.bucket_name', part);
    execute format('alter table storage.%I alter column catalog_id set not null', part);
    execute format('drop index if exists storage.%I',
                   case part when 'iceberg_tables' then 'idx_iceberg_tables_namespace_id' else 'idx_iceberg_namespaces_bucket_id' end);
  end loop;
end $$;
