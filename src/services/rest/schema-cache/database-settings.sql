-- In-database configuration: pgrst.* of the login role, those for this database first.
select json_agg(json_build_array(name, value))
from (
  select distinct on (name) name, value
  from (
    select split_part(c, '=', 1) as name, substr(c, strpos(c, '=') + 1) as value, s.setdatabase
    from pg_db_role_setting s
    cross join unnest(s.setconfig) c
    where s.setrole = (select oid from pg_roles where rolname = current_user)
      and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
  ) found
  where name like 'pgrst.%'
  order by name, setdatabase desc
) settings
