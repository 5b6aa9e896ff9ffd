-- Settings of the roles that this login can switch to, those that such a role may set for itself.
with settings as (
  select r.rolname, split_part(c, '=', 1) as name, substr(c, strpos(c, '=') + 1) as value
  from pg_auth_members m
  join pg_roles r on r.oid = m.roleid
  cross join unnest(r.rolconfig) c
  where m.member = (select oid from pg_roles where rolname = current_user)
)
select json_agg(json_build_array(s.rolname, s.name, s.value))
from settings s
left join pg_settings g on g.name = s.name
where s.name = 'default_transaction_isolation' or g.context is null or g.context = 'user'
  or (g.context = 'superuser' and has_parameter_privilege((select oid from pg_roles where rolname = current_user), s.name, 'set'))
