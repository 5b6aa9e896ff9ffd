-- Jobs by schedule. The tables and functions are here; the service `db` runs what is due.

create schema cron;

create sequence cron.jobid_seq;
create table cron.job (
  jobid bigint primary key default nextval('cron.jobid_seq'),
  schedule text not null,
  command text not null,
  nodename text not null default 'localhost',
  nodeport int not null default coalesce(inet_server_port(), current_setting('port')::int),
  database text not null default current_database(),
  username text not null default current_user,
  active boolean not null default true,
  jobname text,
  constraint jobname_username_uniq unique (jobname, username)
);
grant select on cron.job to public;
alter table cron.job enable row level security;
create policy cron_job_policy on cron.job using (username = current_user);

create sequence cron.runid_seq;
create table cron.job_run_details (
  jobid bigint,
  runid bigint primary key default nextval('cron.runid_seq'),
  job_pid integer,
  database text,
  username text,
  command text,
  status text,
  return_message text,
  start_time timestamptz,
  end_time timestamptz
);
grant select, delete on cron.job_run_details to public;
alter table cron.job_run_details enable row level security;
create policy cron_job_run_details_policy on cron.job_run_details using (username = current_user);

select pg_catalog.pg_extension_config_dump('cron.job', '');
select pg_catalog.pg_extension_config_dump('cron.jobid_seq', '');
select pg_catalog.pg_extension_config_dump('cron.job_run_details', '');
select pg_catalog.pg_extension_config_dump('cron.runid_seq', '');

create function cron.job_cache_invalidate() returns trigger
  language plpgsql
as $$
begin
  perform pg_catalog.pg_notify('plinth_cron', '');
  return null;
end
$$;
comment on function cron.job_cache_invalidate() is 'invalidate job cache';
create trigger cron_job_cache_invalidate after insert or update or delete or truncate on cron.job
  for each statement execute function cron.job_cache_invalidate();

-- Who calls a SECURITY DEFINER function: SET ROLE leaves its trace in the setting, and inside such a function nobody can change it.
create function cron._caller() returns name
  language sql stable
  set search_path = ''
as $$
  select case pg_catalog.current_setting('role') when 'none' then session_user else pg_catalog.current_setting('role')::name end
$$;
revoke all on function cron._caller() from public;

-- One field of a schedule: numbers, names, ranges, steps and lists of them, within bounds.
create function cron._is_field(field text, low int, high int, names text[]) returns boolean
  language plpgsql immutable
  set search_path = pg_catalog
as $$
declare
  item text;
  part text[];
  first_value int;
  last_value int;
begin
  foreach item in array string_to_array(lower(field), ',') loop
    part := regexp_match(item, '^(?:(\*)|([0-9a-z]+)(?:-([0-9a-z]+))?)(?:/([0-9]+))?$');
    if part is null or part[4]::numeric = 0 then
      return false;
    end if;
    continue when part[1] = '*';
    first_value := coalesce(array_position(names, part[2]) - 1 + low, case when part[2] ~ '^[0-9]{1,3}$' then part[2]::int end);
    last_value := coalesce(array_position(names, part[3]) - 1 + low, case when part[3] ~ '^[0-9]{1,3}$' then part[3]::int end, first_value);
    if first_value is null or (part[3] is not null and last_value is null) or first_value < low or last_value > high or last_value < first_value then
      return false;
    end if;
  end loop;
  return field <> '';
end
$$;

create function cron._check_schedule(schedule text) returns void
  language plpgsql immutable
  set search_path = pg_catalog
as $$
declare
  fields text[] := regexp_split_to_array(btrim(schedule, E' \t\n'), '\s+');
  seconds text[] := regexp_match(schedule, '^\s*([0-9]{1,9})\s+seconds?\s*$', 'i');
begin
  if (seconds is not null and seconds[1]::int between 1 and 59)
    or lower(btrim(schedule)) in ('@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly')
    or (
      cardinality(fields) = 5
      and cron._is_field(fields[1], 0, 59, '{}')
      and cron._is_field(fields[2], 0, 23, '{}')
      and (fields[3] = '$' or cron._is_field(fields[3], 1, 31, '{}'))
      and cron._is_field(fields[4], 1, 12, '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}')
      and cron._is_field(fields[5], 0, 7, '{sun,mon,tue,wed,thu,fri,sat}')
    )
  then
    return;
  end if;
  raise exception 'invalid schedule: %', schedule
    using errcode = '22023', hint = 'Use cron format (e.g. 5 4 * * *), or interval format ''[1-59] seconds''';
end
$$;

create function cron._check_target(caller name, username text, database text) returns void
  language plpgsql stable
  set search_path = pg_catalog
as $$
begin
  if username is not null and username <> caller and not (select rolsuper from pg_roles where rolname = caller) then
    raise exception 'must be superuser to create a job for another role' using errcode = '42501';
  end if;
  if username is not null and not exists (select from pg_roles where rolname = username) then
    raise exception 'role "%" does not exist', username using errcode = '42704';
  end if;
  if database is not null and not exists (select from pg_database where datname = database) then
    raise exception 'database "%" does not exist', database using errcode = '3D000';
  end if;
  if not has_database_privilege(coalesce(username, caller), coalesce(database, current_database()), 'CONNECT') then
    raise exception 'User % does not have CONNECT privilege on %', coalesce(username, caller), coalesce(database, current_database()) using errcode = '42501';
  end if;
end
$$;

create function cron._schedule(job_name text, schedule text, command text, database text, username text, active boolean) returns bigint
  language plpgsql security definer
  set search_path = ''
as $$
declare
  caller name := cron._caller();
  job_id bigint;
begin
  if schedule is null then
    raise exception 'schedule can not be NULL';
  elsif command is null then
    raise exception 'command can not be NULL';
  end if;
  perform cron._check_schedule(schedule);
  perform cron._check_target(caller, username, database);
  insert into cron.job as existing (jobname, schedule, command, nodename, database, username, active)
  values (job_name, schedule, command, 'localhost', coalesce(database, current_database()), coalesce(username, caller), coalesce(active, true))
  on conflict on constraint jobname_username_uniq do update
    set schedule = excluded.schedule, command = excluded.command, database = excluded.database, active = excluded.active
  returning existing.jobid into job_id;
  return job_id;
end
$$;
revoke all on function cron._schedule(text, text, text, text, text, boolean) from public;

create function cron.schedule(schedule text, command text) returns bigint
  language sql strict security definer
  set search_path = ''
as $$
  select cron._schedule(null, schedule, command, null, null, true)
$$;
comment on function cron.schedule(text, text) is 'schedule a pg_cron job';

create function cron.schedule(job_name text, schedule text, command text) returns bigint
  language sql strict security definer
  set search_path = ''
as $$
  select cron._schedule(job_name, schedule, command, null, null, true)
$$;
comment on function cron.schedule(text, text, text) is 'schedule a pg_cron job';

create function cron.schedule_in_database(
  job_name text, schedule text, command text, database text, username text default null, active boolean default true
)
  returns bigint
  language sql security definer
  set search_path = ''
as $$
  select cron._schedule(job_name, schedule, command, database, username, active)
$$;
comment on function cron.schedule_in_database(text, text, text, text, text, boolean) is 'schedule a pg_cron job';

create function cron._unschedule(ids bigint[], wanted text) returns boolean
  language plpgsql security definer
  set search_path = ''
as $$
declare
  caller name := cron._caller();
begin
  delete from cron.job
   where jobid = any (ids) and (username = caller or (select rolsuper from pg_catalog.pg_roles where rolname = caller));
  if not found then
    raise exception 'could not find valid entry for job ''%''', wanted;
  end if;
  return true;
end
$$;
revoke all on function cron._unschedule(bigint[], text) from public;

create function cron.unschedule(job_id bigint) returns boolean
  language sql strict security definer
  set search_path = ''
as $$
  select cron._unschedule(array[job_id], job_id::text)
$$;
comment on function cron.unschedule(bigint) is 'unschedule a pg_cron job';

create function cron.unschedule(job_name text) returns boolean
  language sql strict security definer
  set search_path = ''
as $$
  select cron._unschedule(array(select jobid from cron.job where jobname = job_name and username = cron._caller()), job_name)
$$;
comment on function cron.unschedule(text) is 'unschedule a pg_cron job';

create function cron.alter_job(
  job_id bigint, schedule text default null, command text default null, database text default null, username text default null, active boolean default null
)
  returns void
  language plpgsql security definer
  set search_path = ''
as $$
declare
  caller name := cron._caller();
begin
  if schedule is not null then
    perform cron._check_schedule(schedule);
  end if;
  perform cron._check_target(caller, alter_job.username, alter_job.database);
  update cron.job as existing
     set schedule = coalesce(alter_job.schedule, existing.schedule),
         command = coalesce(alter_job.command, existing.command),
         database = coalesce(alter_job.database, existing.database),
         username = coalesce(alter_job.username, existing.username),
         active = coalesce(alter_job.active, existing.active)
   where existing.jobid = job_id
     and (existing.username = caller or (select rolsuper from pg_catalog.pg_roles where rolname = caller));
  if not found then
    raise exception 'Job % does not exist or you don''t own it', job_id;
  end if;
end
$$;
comment on function cron.alter_job(bigint, text, text, text, text, boolean)
  is 'Alter the job identified by job_id. Any option left as NULL will not be modified.';
revoke all on function cron.alter_job(bigint, text, text, text, text, boolean) from public;
revoke all on function cron.schedule_in_database(text, text, text, text, text, boolean) from public;

do $$
begin
  if to_regrole('postgres') is not null then
    grant usage on schema cron to postgres with grant option;
    grant execute on all functions in schema cron to postgres with grant option;
    revoke all on function cron._schedule(text, text, text, text, text, boolean) from postgres;
    revoke all on function cron._unschedule(bigint[], text) from postgres;
  end if;
end
$$;
