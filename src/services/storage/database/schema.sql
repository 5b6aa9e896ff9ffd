-- What this service keeps beside upstream's tables: the intents. Upstream does not know the schema and leaves it alone.
create schema if not exists plinth_storage;

-- Bytes that are, or are about to be, in the backend without a row that speaks of them: noted before the bytes are written, or in the
-- transaction that takes the row away; gone when the row is written, or when the bytes are removed.
create table if not exists plinth_storage.intents (
  bucket_id text not null,
  name text not null,
  version text not null,
  kind text not null check (kind in ('write', 'remove')),
  -- Who noted it: the number that this instance holds an advisory lock for as long as it lives.
  instance integer not null,
  created_at timestamptz not null default now(),
  primary key (version, bucket_id, name)
);
create index if not exists intents_created_at on plinth_storage.intents (created_at);

-- Uploads that can be resumed, until their object has its row or they expire. `received` never counts the last bytes before that row is
-- there: who asks after a crash is never told that an upload is complete that is not.
create table if not exists plinth_storage.resumable_uploads (
  bucket_id text not null,
  name text not null,
  version text not null,
  -- Null while the client has not told it.
  length bigint,
  received bigint not null default 0,
  -- Upload-Metadata by its keys.
  metadata jsonb not null,
  -- The backend's id of the upload in parts, and the parts: number, etag, size.
  upload_id text not null,
  parts jsonb not null default '[]',
  -- Bytes that are too few for a part of the backend.
  tail bytea,
  state text not null default 'open' check (state in ('open', 'finishing', 'done')),
  created_at timestamptz not null default now(),
  touched_at timestamptz not null default now(),
  primary key (version, bucket_id, name)
);
create index if not exists resumable_uploads_touched_at on plinth_storage.resumable_uploads (touched_at);
