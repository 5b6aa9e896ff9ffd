// The roles, memberships and empty schemas that the database image provides before any service migrates: only what the migrations rest on.
import type { Client } from 'pg'

export async function createRoles(client: Client): Promise<void> {
  await client.query(`
    create role postgres login createrole createdb replication bypassrls;
    create role anon; create role authenticated; create role service_role bypassrls;
    create role authenticator login noinherit;
    create role dashboard_user createrole createdb replication;
    create role supabase_auth_admin login noinherit createrole;
    create role supabase_storage_admin login noinherit createrole;
    create role supabase_realtime_admin noinherit;
    grant anon, authenticated, service_role to authenticator;
    grant anon, authenticated, service_role to postgres with admin option;
    grant authenticator to supabase_storage_admin;
    grant supabase_auth_admin, supabase_storage_admin, supabase_realtime_admin to postgres with inherit true, set true;
    alter role supabase_auth_admin set search_path to auth;
    alter role supabase_storage_admin set search_path to storage;`)
}

/** In each database: the schemas with upstream's owners, grants and default privileges. */
export async function createSchemas(client: Client): Promise<void> {
  await client.query(`
    create schema auth authorization supabase_admin;
    grant usage on schema auth to anon, authenticated, service_role;
    grant all on schema auth to supabase_auth_admin, postgres, dashboard_user;
    alter default privileges for role supabase_auth_admin in schema auth grant all on tables to postgres, dashboard_user;
    alter default privileges for role supabase_auth_admin in schema auth grant all on sequences to postgres, dashboard_user;
    alter default privileges for role supabase_auth_admin in schema auth grant all on routines to postgres, dashboard_user;
    create schema storage authorization supabase_admin;
    grant usage on schema storage to postgres with grant option;
    grant usage on schema storage to anon, authenticated, service_role;
    grant all on schema storage to supabase_storage_admin, dashboard_user;
    alter default privileges for role postgres in schema storage grant all on tables to postgres, anon, authenticated, service_role;
    create schema realtime authorization supabase_admin;
    grant usage on schema realtime to postgres with grant option;
    grant all on schema realtime to supabase_realtime_admin;
    alter default privileges for role supabase_admin in schema realtime grant all on tables to postgres, dashboard_user;
    alter default privileges for role supabase_admin in schema realtime grant all on sequences to postgres, dashboard_user;
    alter default privileges for role supabase_admin in schema realtime grant all on routines to postgres, dashboard_user;
    create publication supabase_realtime; alter publication supabase_realtime owner to supabase_admin`)
}
