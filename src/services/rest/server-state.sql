-- What the server is, and which of the schemas that were asked for it has not.
select current_setting('server_version_num'), current_setting('server_version'), version(),
  (select json_agg(name) from unnest($1::text[]) name where not exists (select from pg_catalog.pg_namespace where nspname = name))
