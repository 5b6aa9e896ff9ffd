-- Secrets that are encrypted in the table and readable through a view. The root key is a file beside the data, which only the server can
-- read: a dump holds no key. The form of the ciphertext is Plinth's own: 16 bytes of a keyed hash, which authenticate and begin the chain,
-- then AES-256-CBC.

create function vault._root_key() returns bytea
  language plpgsql stable security definer
  set search_path = ''
as $$
begin
  return @extschema:pgcrypto@.digest(pg_catalog.pg_read_binary_file('pgsodium_root.key'), 'sha256');
exception when undefined_file then
  raise exception 'vault has no root key: the file pgsodium_root.key is missing in the data folder of the server'
    using hint = 'Restart Plinth, which writes it from db.root_key; or restore it from a backup.';
end
$$;
revoke all on function vault._root_key() from public;

create function vault._crypto_aead_det_encrypt(message bytea, additional bytea, key_id bigint, context bytea default 'pgsodium', nonce bytea default null)
  returns bytea
  language plpgsql stable security definer
  set search_path = ''
as $$
declare
  root bytea := vault._root_key();
  scope bytea := pg_catalog.convert_to(key_id::text, 'utf8') || '\x00'::bytea || context;
  tag bytea;
begin
  tag := substr(
    @extschema:pgcrypto@.hmac(
      pg_catalog.int8send(length(additional)) || additional || coalesce(nonce, '') || message,
      @extschema:pgcrypto@.hmac('authenticate'::bytea || scope, root, 'sha256'), 'sha256'
    ), 1, 16
  );
  return tag || @extschema:pgcrypto@.encrypt_iv(message, @extschema:pgcrypto@.hmac('encrypt'::bytea || scope, root, 'sha256'), tag, 'aes-cbc/pad:pkcs');
end
$$;

create function vault._crypto_aead_det_decrypt(message bytea, additional bytea, key_id bigint, context bytea default 'pgsodium', nonce bytea default null)
  returns bytea
  language plpgsql stable security definer
  set search_path = ''
as $$
declare
  root bytea := vault._root_key();
  scope bytea := pg_catalog.convert_to(key_id::text, 'utf8') || '\x00'::bytea || context;
  clear bytea;
begin
  begin
    clear := @extschema:pgcrypto@.decrypt_iv(
      substr(message, 17), @extschema:pgcrypto@.hmac('encrypt'::bytea || scope, root, 'sha256'), substr(message, 1, 16), 'aes-cbc/pad:pkcs'
    );
  exception when external_routine_invocation_exception then
    clear := null;
  end;
  if clear is null or message is distinct from vault._crypto_aead_det_encrypt(clear, additional, key_id, context, nonce) then
    raise exception 'vault cannot decrypt this secret: invalid ciphertext'
      using hint = 'It was encrypted with another root key (db.root_key), or by another server.';
  end if;
  return clear;
end
$$;

create function vault._crypto_aead_det_noncegen() returns bytea
  language sql volatile
  set search_path = ''
as $$
  select @extschema:pgcrypto@.gen_random_bytes(16)
$$;

revoke all on function vault._crypto_aead_det_encrypt(bytea, bytea, bigint, bytea, bytea) from public;
revoke all on function vault._crypto_aead_det_decrypt(bytea, bytea, bigint, bytea, bytea) from public;

create table vault.secrets (
  id uuid primary key default gen_random_uuid(),
  name text,
  description text not null default '',
  secret text not null,
  key_id uuid,
  nonce bytea default vault._crypto_aead_det_noncegen(),
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp
);
comment on table vault.secrets is 'Table with encrypted `secret` column for storing sensitive information on disk.';
create unique index secrets_name_idx on vault.secrets (name) where name is not null;

create view vault.decrypted_secrets as
select s.id, s.name, s.description, s.secret,
       convert_from(
         vault._crypto_aead_det_decrypt(decode(s.secret, 'base64'), convert_to(s.id::text, 'utf8'), 0, 'pgsodium'::bytea, s.nonce), 'utf8'
       ) as decrypted_secret,
       s.key_id, s.nonce, s.created_at, s.updated_at
  from vault.secrets s;

create function vault.create_secret(new_secret text, new_name text default null, new_description text default '', new_key_id uuid default null)
  returns uuid
  language plpgsql security definer
  set search_path = ''
as $$
declare
  new_id uuid := gen_random_uuid();
  new_nonce bytea := vault._crypto_aead_det_noncegen();
begin
  insert into vault.secrets (id, name, description, secret, nonce)
  values (
    new_id, new_name, coalesce(new_description, ''),
    encode(vault._crypto_aead_det_encrypt(convert_to(new_secret, 'utf8'), convert_to(new_id::text, 'utf8'), 0, 'pgsodium'::bytea, new_nonce), 'base64'),
    new_nonce
  );
  return new_id;
end
$$;

create function vault.update_secret(
  secret_id uuid, new_secret text default null, new_name text default null, new_description text default null, new_key_id uuid default null
)
  returns void
  language plpgsql security definer
  set search_path = ''
as $$
begin
  update vault.secrets s
     set secret = case when new_secret is null then s.secret
           else encode(vault._crypto_aead_det_encrypt(convert_to(new_secret, 'utf8'), convert_to(s.id::text, 'utf8'), 0, 'pgsodium'::bytea, s.nonce), 'base64')
         end,
         name = coalesce(new_name, s.name),
         description = coalesce(new_description, s.description),
         updated_at = now()
   where s.id = secret_id;
end
$$;

revoke all on function vault.create_secret(text, text, text, uuid) from public;
revoke all on function vault.update_secret(uuid, text, text, text, uuid) from public;

do $$
begin
  if to_regrole('postgres') is not null then
    grant usage on schema vault to postgres with grant option;
    grant select, delete on vault.secrets, vault.decrypted_secrets to postgres with grant option;
    grant execute on function vault.create_secret, vault.update_secret, vault._crypto_aead_det_decrypt to postgres with grant option;
  end if;
  if to_regrole('service_role') is not null then
    grant usage on schema vault to service_role;
    grant select, delete on vault.secrets, vault.decrypted_secrets to service_role;
    grant execute on function vault.create_secret, vault.update_secret, vault._crypto_aead_det_decrypt to service_role;
  end if;
end
$$;

select pg_catalog.pg_extension_config_dump('vault.secrets', '');
