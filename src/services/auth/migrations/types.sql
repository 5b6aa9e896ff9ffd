-- The enumerated types. `create type` knows no "if not exists", hence the loop; a label that an older database lacks is added.
do $$
declare
  wanted record;
  label text;
begin
  for wanted in
    select * from (values
      ('aal_level', array['aal1', 'aal2', 'aal3']),
      ('code_challenge_method', array['s256', 'plain']),
      ('factor_status', array['unverified', 'verified']),
      ('factor_type', array['totp', 'webauthn', 'phone']),
      ('oauth_authorization_status', array['pending', 'approved', 'denied', 'expired']),
      ('oauth_client_type', array['public', 'confidential']),
      ('oauth_registration_type', array['dynamic', 'manual']),
      ('oauth_response_type', array['code']),
      ('one_time_token_type', array['confirmation_token', 'reauthentication_token', 'recovery_token',
                                    'email_change_token_new', 'email_change_token_current', 'phone_change_token'])
    ) as t (name, labels)
  loop
    if not exists (select from pg_type where typname = wanted.name and typnamespace = quote_ident(current_schema())::regnamespace) then
      execute format('create type %I as enum (%s)', wanted.name,
        (select string_agg(quote_literal(l), ', ' order by n) from unnest(wanted.labels) with ordinality as u (l, n)));
    else
      foreach label in array wanted.labels loop
        if not exists (select from pg_enum where enumtypid = wanted.name::regtype and enumlabel = label) then
          execute format('alter type %I add value %L', wanted.name, label);
        end if;
      end loop;
    end if;
  end loop;
end $$;
