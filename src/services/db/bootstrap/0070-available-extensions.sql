-- # lists of available extensions
-- What can be created here, and nothing else, stands in the lists of available extensions. Those that only say why they cannot be created
-- have the version 0 (extensions/unavailable.ts).
do $$
begin
  if current_setting('is_superuser') = 'on' and exists (select from pg_available_extensions() where default_version = '0') then
    set local allow_system_table_mods = on;
    create or replace view pg_catalog.pg_available_extensions as
      select e.name, e.default_version, x.extversion as installed_version, e.comment
        from pg_available_extensions() as e left join pg_extension as x on e.name = x.extname
       where e.default_version is distinct from '0';
    create or replace view pg_catalog.pg_available_extension_versions as
      select e.name, e.version, (x.extname is not null) as installed, e.superuser, e.trusted, e.relocatable, e.schema, e.requires, e.comment
        from pg_available_extension_versions() as e left join pg_extension as x on e.name = x.extname and e.version = x.extversion
       where e.version <> '0';
    set local allow_system_table_mods = off;
  end if;
end
$$;
