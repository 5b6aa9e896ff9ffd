-- The part of pgsodium that pgcrypto can give: random bytes, SHA-2, HMAC, and authenticated encryption in a form of Plinth's own.
-- What needs libsodium itself (boxes, signatures, BLAKE2b, Argon2) exists by name and says so when called.

do $$
declare
  role_name text;
begin
  foreach role_name in array array['pgsodium_keyiduser', 'pgsodium_keyholder', 'pgsodium_keymaker'] loop
    if to_regrole(role_name) is null then
      execute format('create role %I nologin', role_name);
    end if;
  end loop;
  grant pgsodium_keyiduser to pgsodium_keyholder;
  grant pgsodium_keyholder, pgsodium_keyiduser to pgsodium_keymaker;
end
$$;

create function pgsodium.randombytes_buf(size integer) returns bytea
  language sql volatile strict
as $$
  -- gen_random_bytes gives 1024 at most.
  select coalesce(string_agg(@extschema:pgcrypto@.gen_random_bytes(least(1024, size - part * 1024)), ''), '')
    from generate_series(0, (size - 1) / 1024) as part where size > 0
$$;

create function pgsodium.randombytes_random() returns integer
  language sql volatile
as $$
  select ('x' || encode(@extschema:pgcrypto@.gen_random_bytes(4), 'hex'))::bit(32)::int
$$;

create function pgsodium.randombytes_uniform(upper_bound integer) returns integer
  language sql volatile strict
as $$
  select (('x' || encode('\x00'::bytea || @extschema:pgcrypto@.gen_random_bytes(7), 'hex'))::bit(64)::bigint % upper_bound)::int
$$;

create function pgsodium.randombytes_new_seed() returns bytea
  language sql volatile
as $$
  select @extschema:pgcrypto@.gen_random_bytes(32)
$$;

create function pgsodium.crypto_hash_sha256(message bytea) returns bytea
  language sql immutable strict
as $$
  select sha256(message)
$$;

create function pgsodium.crypto_hash_sha512(message bytea) returns bytea
  language sql immutable strict
as $$
  select sha512(message)
$$;

create function pgsodium.crypto_auth_hmacsha256(message bytea, secret bytea) returns bytea
  language sql immutable strict
as $$
  select @extschema:pgcrypto@.hmac(message, secret, 'sha256')
$$;

create function pgsodium.crypto_auth_hmacsha512(message bytea, secret bytea) returns bytea
  language sql immutable strict
as $$
  select @extschema:pgcrypto@.hmac(message, secret, 'sha512')
$$;

create function pgsodium.crypto_auth_hmacsha256_verify(hash bytea, message bytea, secret bytea) returns boolean
  language sql immutable strict
as $$
  select sha256(hash) = sha256(@extschema:pgcrypto@.hmac(message, secret, 'sha256'))
$$;

create function pgsodium.crypto_auth_hmacsha512_verify(hash bytea, message bytea, secret bytea) returns boolean
  language sql immutable strict
as $$
  select sha256(hash) = sha256(@extschema:pgcrypto@.hmac(message, secret, 'sha512'))
$$;

create function pgsodium.crypto_aead_det_keygen() returns bytea
  language sql volatile
as $$
  select @extschema:pgcrypto@.gen_random_bytes(32)
$$;

create function pgsodium.crypto_aead_det_noncegen() returns bytea
  language sql volatile
as $$
  select @extschema:pgcrypto@.gen_random_bytes(16)
$$;

create function pgsodium.crypto_aead_det_encrypt(message bytea, additional bytea, key bytea, nonce bytea default null) returns bytea
  language plpgsql immutable
as $$
declare
  tag bytea := substr(
    @extschema:pgcrypto@.hmac(
      int8send(length(coalesce(additional, ''))) || coalesce(additional, '') || coalesce(nonce, '') || message,
      @extschema:pgcrypto@.hmac('authenticate'::bytea, key, 'sha256'), 'sha256'
    ), 1, 16
  );
begin
  return tag || @extschema:pgcrypto@.encrypt_iv(message, @extschema:pgcrypto@.hmac('encrypt'::bytea, key, 'sha256'), tag, 'aes-cbc/pad:pkcs');
end
$$;

create function pgsodium.crypto_aead_det_decrypt(message bytea, additional bytea, key bytea, nonce bytea default null) returns bytea
  language plpgsql immutable
as $$
declare
  clear bytea;
begin
  begin
    clear := @extschema:pgcrypto@.decrypt_iv(
      substr(message, 17), @extschema:pgcrypto@.hmac('encrypt'::bytea, key, 'sha256'), substr(message, 1, 16), 'aes-cbc/pad:pkcs'
    );
  exception when external_routine_invocation_exception then
    clear := null;
  end;
  if clear is null or message is distinct from pgsodium.crypto_aead_det_encrypt(clear, additional, key, nonce) then
    raise exception 'pgsodium_crypto_aead_det_decrypt: invalid ciphertext';
  end if;
  return clear;
end
$$;

do $$
declare
  signature text;
begin
  foreach signature in array array[
    'crypto_generichash(message bytea, key bytea default null)', 'crypto_shorthash(message bytea, key bytea)',
    'crypto_secretbox_keygen()', 'crypto_secretbox_noncegen()',
    'crypto_secretbox(message bytea, nonce bytea, key bytea)', 'crypto_secretbox_open(ciphertext bytea, nonce bytea, key bytea)',
    'crypto_box(message bytea, nonce bytea, public bytea, secret bytea)', 'crypto_box_open(ciphertext bytea, nonce bytea, public bytea, secret bytea)',
    'crypto_box_seal(message bytea, public_key bytea)', 'crypto_box_seal_open(ciphertext bytea, public_key bytea, secret_key bytea)',
    'crypto_sign(message bytea, key bytea)', 'crypto_sign_open(signed_message bytea, key bytea)', 'crypto_sign_detached(message bytea, key bytea)',
    'crypto_pwhash(password bytea, salt bytea)', 'crypto_pwhash_str(password bytea)', 'derive_key(key_id bigint, key_len integer default 32)',
    'crypto_kdf_derive_from_key(subkey_size bigint, subkey_id bigint, context bytea, primary_key bytea)'
  ] loop
    execute format(
      'create function pgsodium.%s returns bytea language plpgsql as %L', signature,
      format(
        'begin raise exception %L using errcode = ''0A000'', hint = %L; end',
        'pgsodium.' || split_part(signature, '(', 1) || ' needs libsodium, which the Postgres that Plinth brings along does not have',
        'Set POSTGRES_HOST to a server that has pgsodium, or use pgcrypto.'
      )
    );
  end loop;
end
$$;

grant usage on schema pgsodium to pgsodium_keyiduser;
do $$
begin
  if to_regrole('postgres') is not null then
    grant usage on schema pgsodium to postgres with grant option;
    grant pgsodium_keyiduser, pgsodium_keyholder, pgsodium_keymaker to postgres with admin option;
  end if;
  if to_regrole('service_role') is not null then
    grant usage on schema pgsodium to service_role;
    grant pgsodium_keyiduser to service_role;
  end if;
end
$$;
