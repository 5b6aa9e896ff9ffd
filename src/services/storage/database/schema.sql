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
