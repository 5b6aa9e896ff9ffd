-- Auth's schema at upstream's first version, as facts: what 00 leaves behind.
create table users (
  instance_id uuid, id uuid not null, aud varchar(255), role varchar(255), email varchar(255) constraint users_email_key unique, encrypted_password varchar(255),
  confirmed_at timestamptz, invited_at timestamptz, confirmation_token varchar(255), confirmation_sent_at timestamptz, recovery_token varchar(255),
  recovery_sent_at timestamptz, email_change_token varchar(255), email_change varchar(255), email_change_sent_at timestamptz, last_sign_in_at timestamptz,
  raw_app_meta_data jsonb, raw_user_meta_data jsonb, is_super_admin bool, created_at timestamptz, updated_at timestamptz, constraint users_pkey primary key (id));
create index users_instance_id_email_idx on users (instance_id, email);
create index users_instance_id_idx on users (instance_id);
create table refresh_tokens (
  instance_id uuid, id bigserial not null, token varchar(255), user_id varchar(255), revoked bool, created_at timestamptz, updated_at timestamptz,
  constraint refresh_tokens_pkey primary key (id));
create index refresh_tokens_instance_id_idx on refresh_tokens (instance_id);
create index refresh_tokens_instance_id_user_id_idx on refresh_tokens (instance_id, user_id);
create index refresh_tokens_token_idx on refresh_tokens (token);
create table instances (id uuid not null, uuid uuid, raw_base_config text, created_at timestamptz, updated_at timestamptz, constraint instances_pkey primary key (id));
create table audit_log_entries (instance_id uuid, id uuid not null, payload json, created_at timestamptz, constraint audit_log_entries_pkey primary key (id));
create index audit_logs_instance_id_idx on audit_log_entries (instance_id);
create table schema_migrations (version varchar(255) not null, constraint schema_migrations_pkey primary key (version));
create function uid() returns uuid language sql stable as $$ select nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
create function role() returns text language sql stable as $$ select nullif(current_setting('request.jwt.claim.role', true), '')::text $$;
insert into schema_migrations values ('00');
