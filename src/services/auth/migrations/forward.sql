-- Brings the tables of an older database forward, from the first version on: what is renamed, retyped, added or dropped.
-- Each statement finds nothing to do where it was done before. Whole tables and indexes are left to schema.sql.

-- Users: names that moved on, and what the phone brought.
do $$
begin
  if to_regclass('users') is null then
    return;
  end if;
  if not exists (select from pg_attribute where attrelid = to_regclass('users') and attname = 'email_confirmed_at') then
    alter table users rename column confirmed_at to email_confirmed_at;
  end if;
  if not exists (select from pg_attribute where attrelid = to_regclass('users') and attname = 'email_change_token_new') then
    alter table users rename column email_change_token to email_change_token_new;
  end if;
  alter table users
    add column if not exists phone text default null::varchar constraint users_phone_key unique,
    add column if not exists phone_confirmed_at timestamptz,
    add column if not exists phone_change text default ''::varchar,
    add column if not exists phone_change_token varchar(255) default '',
    add column if not exists phone_change_sent_at timestamptz;
  alter table users
    add column if not exists confirmed_at timestamptz generated always as (least(email_confirmed_at, phone_confirmed_at)) stored,
    add column if not exists email_change_token_current varchar(255) default '',
    add column if not exists email_change_confirm_status smallint default 0
      constraint users_email_change_confirm_status_check check (email_change_confirm_status >= 0 and email_change_confirm_status <= 2),
    add column if not exists banned_until timestamptz,
    add column if not exists reauthentication_token varchar(255) default '',
    add column if not exists reauthentication_sent_at timestamptz,
    add column if not exists is_sso_user boolean not null default false,
    add column if not exists deleted_at timestamptz,
    add column if not exists is_anonymous boolean not null default false;
  if (select pg_get_indexdef(to_regclass('users_instance_id_email_idx'))) not like '%lower(%' then
    drop index users_instance_id_email_idx;
  end if;
end $$;

-- A view or a foreign key of the user may stand in the way of these two: then the older form stays, as with upstream.
do $$
begin
  if exists (select from pg_attribute where attrelid = to_regclass('users') and attname in ('phone', 'phone_change') and atttypid = 'varchar'::regtype) then
    alter table users alter column phone type text, alter column phone_change type text;
  end if;
exception when feature_not_supported or dependent_objects_still_exist then
  raise warning 'auth.users: phone and phone_change stay varchar(15), because something of yours depends on them';
end $$;
do $$
begin
  alter table if exists users drop constraint if exists users_email_key;
exception when dependent_objects_still_exist then
  raise warning 'auth.users: the constraint users_email_key stays, because something of yours depends on it; single sign-on needs it gone';
end $$;

-- Identities: the former key `id` is the provider's id of the account.
do $$
begin
  if to_regclass('identities') is null then
    return;
  end if;
  if not exists (select from pg_attribute where attrelid = to_regclass('identities') and attname = 'provider_id') then
    alter table identities rename column id to provider_id;
  end if;
  if not exists (select from pg_attribute where attrelid = to_regclass('identities') and attname = 'email') then
    update identities set identity_data = identity_data || jsonb_build_object('email', (select email from users where users.id = identities.user_id)),
                          updated_at = '2022-11-25'
     where provider = 'email' and identity_data ->> 'email' is null;
    alter table identities add column email text generated always as (lower(identity_data ->> 'email')) stored;
  end if;
  if not exists (select from pg_attribute where attrelid = to_regclass('identities') and attname = 'id') then
    alter table identities drop constraint if exists identities_pkey;
    alter table identities add column id uuid not null default gen_random_uuid() constraint identities_pkey primary key;
  end if;
end $$;

alter table if exists audit_log_entries add column if not exists ip_address varchar(64) not null default '';

alter table if exists refresh_tokens
  add column if not exists parent varchar(255),
  add column if not exists session_id uuid,
  drop constraint if exists refresh_tokens_parent_fkey;
drop index if exists refresh_tokens_token_idx;

alter table if exists sessions
  add column if not exists factor_id uuid,
  add column if not exists aal aal_level,
  add column if not exists not_after timestamptz,
  add column if not exists refreshed_at timestamp,
  add column if not exists user_agent text,
  add column if not exists ip inet,
  add column if not exists tag text,
  add column if not exists oauth_client_id uuid,
  add column if not exists refresh_token_hmac_key text,
  add column if not exists refresh_token_counter bigint,
  add column if not exists scopes text;

alter table if exists mfa_amr_claims add column if not exists id uuid not null;
alter table if exists mfa_factors
  add column if not exists phone text,
  add column if not exists last_challenged_at timestamptz,
  add column if not exists web_authn_credential jsonb,
  add column if not exists web_authn_aaguid uuid,
  add column if not exists last_webauthn_challenge_data jsonb,
  drop constraint if exists mfa_factors_phone_key;
do $$
begin
  if to_regclass('unique_verified_phone_factor') is null then
    return;
  elsif to_regclass('unique_phone_factor_per_user') is null then
    alter index unique_verified_phone_factor rename to unique_phone_factor_per_user;
  else
    drop index unique_verified_phone_factor;
  end if;
end $$;
alter table if exists mfa_challenges
  add column if not exists otp_code text,
  add column if not exists web_authn_session_data jsonb;

drop table if exists sso_sessions;
alter table if exists sso_providers add column if not exists disabled boolean;
alter table if exists saml_providers add column if not exists name_id_format text;
alter table if exists saml_relay_states
  drop column if exists from_ip_address,
  add column if not exists flow_state_id uuid;

alter table if exists flow_state
  add column if not exists authentication_method text not null,
  add column if not exists auth_code_issued_at timestamptz,
  add column if not exists invite_token text,
  add column if not exists referrer text,
  add column if not exists oauth_client_state_id uuid,
  add column if not exists linking_target_id uuid,
  add column if not exists email_optional boolean not null default false,
  alter column code_challenge drop not null,
  alter column code_challenge_method drop not null,
  alter column auth_code drop not null;

-- The OAuth server: the client's id became its primary key, and the way it authenticates a column of its own.
alter table if exists oauth_clients
  drop column if exists client_id,
  alter column client_secret_hash drop not null,
  add column if not exists client_type oauth_client_type not null default 'confidential';
do $$
begin
  if to_regclass('oauth_clients') is not null and not exists (select from pg_attribute where attrelid = to_regclass('oauth_clients') and attname = 'token_endpoint_auth_method') then
    alter table oauth_clients add column token_endpoint_auth_method text;
    update oauth_clients set token_endpoint_auth_method = case client_type when 'public' then 'none' else 'client_secret_basic' end;
    alter table oauth_clients alter column token_endpoint_auth_method set not null;
  end if;
end $$;
alter table if exists oauth_authorizations add column if not exists nonce text;
alter table if exists custom_oauth_providers add column if not exists custom_claims_allowlist text[] not null default '{}';
