-- Storage's schema at v1.22.7 (records 0 to 25), as facts: the state of a self-hosted database of the middle of 2025.
create table storage.migrations (id integer primary key, name varchar(100) unique not null, hash varchar(40) not null, executed_at timestamp default current_timestamp);
create table storage.buckets (id text primary key, name text not null, owner uuid, created_at timestamptz default now(), updated_at timestamptz default now(),
  public boolean default false, avif_autodetection boolean default false, file_size_limit bigint, allowed_mime_types text[], owner_id text);
create unique index bname on storage.buckets (name);
create table storage.objects (id uuid not null default gen_random_uuid() primary key, bucket_id text constraint "objects_bucketId_fkey" references storage.buckets, name text,
  owner uuid, created_at timestamptz default now(), updated_at timestamptz default now(), last_accessed_at timestamptz default now(), metadata jsonb,
  path_tokens text[] generated always as (string_to_array(name, '/')) stored, version text, owner_id text, user_metadata jsonb);
create unique index bucketid_objname on storage.objects (bucket_id, name);
create index name_prefix_search on storage.objects (name text_pattern_ops);
create index idx_objects_bucket_id_name on storage.objects (bucket_id, name collate "C");
create table storage.s3_multipart_uploads (id text primary key, in_progress_size bigint not null default 0, upload_signature text not null,
  bucket_id text not null references storage.buckets, key text collate "C" not null, version text not null, owner_id text, created_at timestamptz not null default now(),
  user_metadata jsonb);
create index idx_multipart_uploads_list on storage.s3_multipart_uploads (bucket_id, key, created_at);
create table storage.s3_multipart_uploads_parts (id uuid primary key default gen_random_uuid(), upload_id text not null references storage.s3_multipart_uploads on delete cascade,
  size bigint not null default 0, part_number int not null, bucket_id text not null references storage.buckets, key text collate "C" not null, etag text not null,
  owner_id text, version text not null, created_at timestamptz not null default now());
alter table storage.migrations enable row level security;
alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;
alter table storage.s3_multipart_uploads enable row level security;
alter table storage.s3_multipart_uploads_parts enable row level security;
create function storage.foldername(name text) returns text[] language plpgsql as $$ begin return null; end $$;
create function storage.filename(name text) returns text language plpgsql as $$ begin return null; end $$;
create function storage.extension(name text) returns text language plpgsql as $$ begin return null; end $$;
create function storage.operation() returns text language plpgsql stable as $$ begin return null; end $$;
create function storage.get_size_by_bucket() returns table (size bigint, bucket_id text) language plpgsql as $$ begin end $$;
create function storage.can_insert_object(bucketid text, name text, owner uuid, metadata jsonb) returns void language plpgsql as $$ begin end $$;
create function storage.search(prefix text, bucketname text, limits int default 100, levels int default 1, offsets int default 0, search text default '',
  sortcolumn text default 'name', sortorder text default 'asc') returns table (name text, id uuid, updated_at timestamptz, created_at timestamptz,
  last_accessed_at timestamptz, metadata jsonb) language plpgsql stable as $$ begin end $$;
create function storage.list_objects_with_delimiter(bucket_id text, prefix_param text, delimiter_param text, max_keys integer default 100, start_after text default '',
  next_token text default '') returns table (name text, id uuid, metadata jsonb, updated_at timestamptz) language plpgsql as $$ begin end $$;
create function storage.list_multipart_uploads_with_delimiter(bucket_id text, prefix_param text, delimiter_param text, max_keys integer default 100,
  next_key_token text default '', next_upload_token text default '') returns table (key text, id text, created_at timestamptz) language plpgsql as $$ begin end $$;
create function storage.update_updated_at_column() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger update_objects_updated_at before update on storage.objects for each row execute function storage.update_updated_at_column();
grant all on storage.buckets, storage.objects to postgres, anon, authenticated, service_role;
grant all on storage.s3_multipart_uploads, storage.s3_multipart_uploads_parts to service_role;
grant select on storage.s3_multipart_uploads, storage.s3_multipart_uploads_parts to authenticated, anon;
insert into storage.buckets (id, name, public) values ('kept', 'kept', true);
insert into storage.objects (bucket_id, name, metadata) values ('kept', 'a/b.txt', '{"size": 3}');
