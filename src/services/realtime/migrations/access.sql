-- Who owns what and who may do what. Roles that a bare server lacks are left out.
do $$
declare
  part record;
  role text;
  owner constant text := 'supabase_realtime_admin';
  -- To give something away one must be able to act as the new owner; before Postgres 16 any member could.
  may_give constant boolean := exists (select from pg_roles where rolname = owner)
    and pg_has_role(current_user, owner, case when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end);
begin
  if may_give and not has_schema_privilege(owner, 'realtime', 'create') then
    execute format('grant all on schema realtime to %I', owner);
  end if;
  for part in
    select case c.relkind when 'S' then 'sequence' else 'table' end as kind, c.oid::regclass::text as name, c.relowner as owned
      from pg_class c where c.oid in ('realtime.messages'::regclass, 'realtime.subscription'::regclass)
    union all
    select 'type', t.oid::regtype::text, t.typowner from pg_type t
     where t.typnamespace = 'realtime'::regnamespace and t.typname in ('action', 'equality_op', 'user_defined_filter', 'wal_column', 'wal_rls')
    union all
    select 'function', p.oid::regprocedure::text, p.proowner from pg_proc p
     where p.pronamespace = 'realtime'::regnamespace
       and p.proname in ('apply_rls', 'broadcast_changes', 'build_prepared_statement_sql', 'cast', 'check_equality_op', 'is_visible_through_filters', 'list_changes',
                         'quote_wal2json', 'send', 'send_binary', 'subscription_check_filters', 'to_regrole', 'topic', 'wal2json_escape_identifier')
  loop
    if part.kind = 'function' then
      for role in select rolname from pg_roles where rolname in ('postgres', 'dashboard_user') loop
        execute format('grant execute on function %s to %I', part.name, role);
      end loop;
      if part.name !~ '^realtime\.(broadcast_changes|list_changes|send|send_binary|topic|wal2json_escape_identifier)\(' then
        for role in select rolname from pg_roles where rolname in ('anon', 'authenticated', 'service_role') loop
          execute format('grant execute on function %s to %I', part.name, role);
        end loop;
      end if;
    end if;
    if may_give and pg_get_userbyid(part.owned) <> owner then
      execute format('alter %s %s owner to %I', part.kind, part.name, owner);
    end if;
  end loop;

  for role in select rolname from pg_roles where rolname in ('postgres', 'dashboard_user') loop
    execute format('grant all on realtime.messages, realtime.subscription to %I', role);
    execute format('grant all on sequence realtime.subscription_id_seq to %I', role);
  end loop;
  for role in select rolname from pg_roles where rolname in ('anon', 'authenticated', 'service_role') loop
    execute format('grant usage on schema realtime to %I', role);
    execute format('grant select, insert, update on realtime.messages to %I', role);
    execute format('grant select on realtime.subscription to %I', role);
    execute format('grant usage on sequence realtime.subscription_id_seq to %I', role);
  end loop;
  if exists (select from pg_roles where rolname = 'postgres') then
    grant usage on schema realtime to postgres with grant option;
    grant select, insert on realtime.messages to postgres with grant option;
  end if;
end $$;
