-- On top of storage-mid-2025.sql: the second half of 2025 (records up to 44), with the table of prefixes, the column level and catalogues by name.
create type storage.buckettype as enum ('STANDARD', 'ANALYTICS', 'VECTOR');
alter table storage.buckets add column type storage.buckettype not null default 'STANDARD';
alter table storage.objects add column level int;
create function storage.get_level(name text) returns int language sql immutable strict as $$ select array_length(string_to_array(name, '/'), 1) $$;
create function storage.get_prefix(name text) returns text language sql immutable strict as $$ select name $$;
create function storage.get_prefixes(name text) returns text[] language plpgsql immutable strict as $$ begin return '{}'; end $$;
create function storage.add_prefixes(_bucket_id text, _name text) returns void language plpgsql security definer as $$ begin end $$;
create function storage.delete_prefix(_bucket_id text, _name text) returns boolean language plpgsql security definer as $$ begin return true; end $$;
create function storage.lock_top_prefixes(bucket_ids text[], names text[]) returns void language plpgsql security definer as $$ begin end $$;
create function storage.delete_leaf_prefixes(bucket_ids text[], names text[]) returns void language plpgsql security definer as $$ begin end $$;
create function storage.prefixes_insert_trigger() returns trigger language plpgsql as $$ begin return new; end $$;
create function storage.objects_insert_prefix_trigger() returns trigger language plpgsql as $$ begin new.level := storage.get_level(new.name); return new; end $$;
create function storage.objects_update_prefix_trigger() returns trigger language plpgsql as $$ begin return new; end $$;
create function storage.delete_prefix_hierarchy_trigger() returns trigger language plpgsql as $$ begin return old; end $$;
create function storage.objects_delete_cleanup() returns trigger language plpgsql security definer as $$ begin return null; end $$;
create table storage.prefixes (bucket_id text constraint "prefixes_bucketId_fkey" references storage.buckets, name text collate "C" not null,
  level int generated always as (storage.get_level(name)) stored, created_at timestamptz default now(), updated_at timestamptz default now(), primary key (bucket_id, level, name));
alter table storage.prefixes enable row level security;
create trigger prefixes_create_hierarchy before insert on storage.prefixes for each row execute function storage.prefixes_insert_trigger();
create trigger prefixes_delete_hierarchy after delete on storage.prefixes for each row execute function storage.delete_prefix_hierarchy_trigger();
create trigger objects_insert_create_prefix before insert on storage.objects for each row execute function storage.objects_insert_prefix_trigger();
create trigger objects_update_create_prefix before update on storage.objects for each row when (new.name <> old.name) execute function storage.objects_update_prefix_trigger();
create trigger objects_delete_delete_prefix after delete on storage.objects for each row execute function storage.delete_prefix_hierarchy_trigger();
create unique index idx_name_bucket_level_unique on storage.objects (name collate "C", bucket_id, level);
create index idx_objects_lower_name on storage.objects ((path_tokens[level]), lower(name) text_pattern_ops, bucket_id, level);
create unique index objects_bucket_id_level_idx on storage.objects (bucket_id, level, name collate "C");
create index idx_prefixes_lower_name on storage.prefixes (bucket_id, level, ((string_to_array(name, '/'))[level]), lower(name) text_pattern_ops);
create function storage.search_v1_optimised(prefix text, bucketname text, limits int, levels int, offsets int, search text, sortcolumn text, sortorder text)
  returns table (name text) language plpgsql stable as $$ begin end $$;
create function storage.search_v2(prefix text, bucket_name text, limits int default 100, levels int default 1, start_after text default '')
  returns table (key text, name text, id uuid, updated_at timestamptz, created_at timestamptz, metadata jsonb) language plpgsql stable as $$ begin end $$;
create function storage.enforce_bucket_name_length() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger enforce_bucket_name_length_trigger before insert or update of name on storage.buckets for each row execute function storage.enforce_bucket_name_length();
create table storage.buckets_analytics (id text not null primary key, type storage.buckettype not null default 'ANALYTICS', format text not null default 'ICEBERG',
  created_at timestamptz not null default now(), updated_at timestamptz not null default now());
create table storage.iceberg_namespaces (id uuid primary key default gen_random_uuid(), bucket_id text not null references storage.buckets_analytics on delete cascade,
  name text collate "C" not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now());
create unique index idx_iceberg_namespaces_bucket_id on storage.iceberg_namespaces (bucket_id, name);
create table storage.iceberg_tables (id uuid primary key default gen_random_uuid(), namespace_id uuid not null references storage.iceberg_namespaces on delete cascade,
  bucket_id text not null references storage.buckets_analytics on delete cascade, name text collate "C" not null, location text not null,
  created_at timestamptz not null default now(), updated_at timestamptz not null default now());
create unique index idx_iceberg_tables_namespace_id on storage.iceberg_tables (namespace_id, name);
alter table storage.buckets_analytics enable row level security;
alter table storage.iceberg_namespaces enable row level security;
alter table storage.iceberg_tables enable row level security;
grant all on storage.buckets_analytics to service_role, authenticated, anon;
grant all on storage.iceberg_namespaces, storage.iceberg_tables to service_role;
grant select on storage.iceberg_namespaces, storage.iceberg_tables to authenticated, anon;
insert into storage.buckets_analytics (id) values ('lake');
insert into storage.iceberg_namespaces (bucket_id, name) values ('lake', 'n');
