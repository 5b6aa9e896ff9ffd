-- JSON Web Tokens by HMAC, with the functions and defaults of upstream's pgjwt.

create function @extschema@.url_encode(data bytea) returns text
  language sql immutable
as $$
  select translate(encode(data, 'base64'), E'+/=\n', '-_')
$$;

create function @extschema@.url_decode(data text) returns bytea
  language sql immutable
as $$
  select decode(rpad(translate(data, '-_', '+/'), (length(data) + 3) / 4 * 4, '='), 'base64')
$$;

create function @extschema@.algorithm_sign(signables text, secret text, algorithm text) returns text
  language sql immutable
as $$
  -- Another algorithm becomes an empty name, which hmac refuses.
  select @extschema@.url_encode(
    @extschema:pgcrypto@.hmac(signables, secret, case algorithm when 'HS256' then 'sha256' when 'HS384' then 'sha384' when 'HS512' then 'sha512' else '' end)
  )
$$;

create function @extschema@.sign(payload json, secret text, algorithm text default 'HS256') returns text
  language sql immutable
as $$
  select signables || '.' || @extschema@.algorithm_sign(signables, secret, algorithm)
    from (
      select @extschema@.url_encode(convert_to('{"alg":"' || algorithm || '","typ":"JWT"}', 'utf8'))
             || '.' || @extschema@.url_encode(convert_to(payload::text, 'utf8')) as signables
    ) as parts
$$;

create function @extschema@.try_cast_double(inp text) returns double precision
  language plpgsql immutable
as $$
begin
  return inp::double precision;
exception when others then
  return null;
end
$$;

create function @extschema@.verify(token text, secret text, algorithm text default 'HS256')
  returns table (header json, payload json, valid boolean)
  language sql stable
as $$
  select jwt.header, jwt.payload,
         jwt.fits and tstzrange(
           to_timestamp(@extschema@.try_cast_double(jwt.payload ->> 'nbf')),
           to_timestamp(@extschema@.try_cast_double(jwt.payload ->> 'exp'))
         ) @> current_timestamp
    from (
      select convert_from(@extschema@.url_decode(part[1]), 'utf8')::json as header,
             convert_from(@extschema@.url_decode(part[2]), 'utf8')::json as payload,
             part[3] = @extschema@.algorithm_sign(part[1] || '.' || part[2], secret, algorithm) as fits
        from regexp_split_to_array(token, '\.') as part
    ) as jwt
$$;
