-- # the extension uuid-ossp
create extension if not exists "uuid-ossp" with schema extensions;

-- # the extension pgcrypto
create extension if not exists pgcrypto with schema extensions;

-- # the extension pg_stat_statements
create extension if not exists pg_stat_statements with schema extensions;

-- # the extension supabase_vault
create extension if not exists supabase_vault with schema vault;

-- # the extension pg_net
create extension if not exists pg_net with schema extensions;

-- # postgres may drop and update the extensions of the start
-- There is no ALTER EXTENSION OWNER; upstream writes the catalogue too.
update pg_catalog.pg_extension
   set extowner = 'postgres'::regrole
 where extname in ('uuid-ossp', 'pgcrypto', 'pg_stat_statements', 'supabase_vault', 'pg_net') and extowner = 'supabase_admin'::regrole;

-- # what is in the schema extensions may be used by postgres and dashboard_user
grant all on all tables in schema extensions to dashboard_user;
grant all on all routines in schema extensions to dashboard_user;
grant all on all tables in schema extensions to postgres with grant option;
grant all on all routines in schema extensions to postgres with grant option;
