-- The constraints that an older database lacks on tables that it has. After schema.sql, because they refer to newer tables.
do $$
declare
  wanted record;
begin
  for wanted in
    select * from (values
      ('identities', 'identities_provider_id_provider_unique', 'unique (provider_id, provider)'),
      ('refresh_tokens', 'refresh_tokens_token_unique', 'unique (token)'),
      ('refresh_tokens', 'refresh_tokens_session_id_fkey', 'foreign key (session_id) references sessions (id) on delete cascade'),
      ('sessions', 'sessions_oauth_client_id_fkey', 'foreign key (oauth_client_id) references oauth_clients (id) on delete cascade'),
      ('sessions', 'sessions_scopes_length', 'check (char_length(scopes) <= 4096)'),
      ('mfa_amr_claims', 'amr_id_pk', 'primary key (id)'),
      ('mfa_factors', 'mfa_factors_last_challenged_at_key', 'unique (last_challenged_at)'),
      ('saml_relay_states', 'saml_relay_states_flow_state_id_fkey', 'foreign key (flow_state_id) references flow_state (id) on delete cascade'),
      ('oauth_clients', 'oauth_clients_token_endpoint_auth_method_check',
       'check (token_endpoint_auth_method in (''client_secret_basic'', ''client_secret_post'', ''none''))'),
      ('oauth_authorizations', 'oauth_authorizations_nonce_length', 'check (char_length(nonce) <= 255)')
    ) as t (of_table, name, definition)
  loop
    if not exists (select from pg_constraint where conname = wanted.name and conrelid = wanted.of_table::regclass) then
      execute format('alter table %I add constraint %I %s', wanted.of_table, wanted.name, wanted.definition);
    end if;
  end loop;
end $$;

-- Accounts from before identities existed get the one that their address or invitation stands for, once.
do $$
begin
  if not exists (select from schema_migrations where version = '20221125140132') then
    insert into identities (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
    select id::text, id, jsonb_build_object('sub', id, 'email', email), 'email', '2022-11-25', '2022-11-25', '2022-11-25'
      from users
     where encrypted_password <> '' and email is not null and not exists (select from identities where user_id = users.id);
  end if;
  if not exists (select from schema_migrations where version = '20221208132122') then
    update identities set last_sign_in_at = '2022-11-25'
     where last_sign_in_at is null and created_at = '2022-11-25' and updated_at = '2022-11-25' and provider = 'email' and provider_id = user_id::text;
  end if;
  if not exists (select from schema_migrations where version = '20230131181311') then
    insert into identities (provider_id, user_id, identity_data, provider, created_at, updated_at)
    select id::text, id, jsonb_build_object('sub', id, 'email', email), 'email', '2023-01-25', '2023-01-25'
      from users
     where invited_at is not null and not exists (select from identities where user_id = users.id and provider = 'email');
  end if;
end $$;
