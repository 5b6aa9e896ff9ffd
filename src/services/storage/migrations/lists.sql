-- The lists. All of them walk an index of names: one look says whether the next name lies in a folder (then the folder is listed, and the
-- walk goes on behind it) or is a file (then files are read in one run until a folder comes). So a list costs what it shows, however
-- many objects lie in the folders. U+10FFFF sorts behind every character that a name can begin with.

create or replace function storage.list_objects_with_delimiter(
  _bucket_id text, prefix_param text, delimiter_param text, max_keys integer default 100,
  start_after text default '', next_token text default '', sort_order text default 'asc'
) returns table (name text, id uuid, metadata jsonb, updated_at timestamptz, created_at timestamptz, last_accessed_at timestamptz)
language plpgsql stable as $$
declare
  upwards constant boolean := lower(coalesce(sort_order, 'asc')) = 'asc';
  prefix constant text := coalesce(prefix_param, '');
  -- Where the page before ended: a file, or a folder without its final delimiter.
  last constant text := coalesce(nullif(next_token, ''), start_after, '');
  behind constant text := chr(1114111);
  -- What is still to be listed: from `low` up to, and without, `high`.
  low text := prefix;
  high text := prefix || behind;
  remaining integer := max_keys;
  folder text;
  found_name text;
  item record;
begin
  if last <> '' then
    if exists (
      select from storage.objects o
       where o.bucket_id = _bucket_id and o.name collate "C" >= last || delimiter_param and o.name collate "C" < last || delimiter_param || behind
    ) then
      if upwards then low := greatest(low collate "C", last || delimiter_param || behind); else high := least(high collate "C", last || delimiter_param); end if;
    else
      if upwards then low := greatest(low collate "C", last || chr(1)); else high := least(high collate "C", last); end if;
    end if;
  end if;

  while remaining > 0 loop
    if upwards then
      select o.name into found_name from storage.objects o
       where o.bucket_id = _bucket_id and o.name collate "C" >= low and o.name collate "C" < high
       order by o.name collate "C" limit 1;
    else
      select o.name into found_name from storage.objects o
       where o.bucket_id = _bucket_id and o.name collate "C" >= low and o.name collate "C" < high
       order by o.name collate "C" desc limit 1;
    end if;
    exit when not found;

    folder := storage.get_common_prefix(found_name, prefix, delimiter_param);
    if folder is not null then
      name := rtrim(folder, delimiter_param);
      id := null; metadata := null; updated_at := null; created_at := null; last_accessed_at := null;
      return next;
      remaining := remaining - 1;
      if upwards then low := folder || behind; else high := folder; end if;
      continue;
    end if;

    for item in execute format(
      'select o.name, o.id, o.metadata, o.updated_at, o.created_at, o.last_accessed_at from storage.objects o
        where o.bucket_id = $1 and o.name collate "C" >= $2 and o.name collate "C" < $3 order by o.name collate "C" %s limit %s',
      case when upwards then 'asc' else 'desc' end, remaining + 1) using _bucket_id, low, high
    loop
      folder := storage.get_common_prefix(item.name, prefix, delimiter_param);
      exit when folder is not null or remaining = 0;
      name := item.name; id := item.id; metadata := item.metadata;
      updated_at := item.updated_at; created_at := item.created_at; last_accessed_at := item.last_accessed_at;
      return next;
      remaining := remaining - 1;
    end loop;
    exit when folder is null;
    if upwards then low := item.name; else high := item.name || chr(1); end if;
  end loop;
end $$;

/* The list of the first version: names relative to the folder, in any case; folders carry nothing but a name. `levels` is no longer read. */
create or replace function storage.search(
  prefix text, bucketname text, limits integer default 100, levels integer default 1, offsets integer default 0,
  search text default '', sortcolumn text default 'name', sortorder text default 'asc'
) returns table (name text, id uuid, updated_at timestamptz, created_at timestamptz, last_accessed_at timestamptz, metadata jsonb)
language plpgsql stable as $$
declare
  upwards constant boolean := lower(coalesce(sortorder, 'asc')) = 'asc';
  direction constant text := case when upwards then 'asc' else 'desc' end;
  sort_column constant text := lower(coalesce(sortcolumn, 'name'));
  asked constant text := coalesce(prefix, '') || coalesce(search, '');
  wanted constant text := lower(asked);
  cut constant integer := length(coalesce(prefix, '')) + 1;
  behind constant text := chr(1114111);
  low text := wanted;
  high text := wanted || behind;
  remaining integer := least(coalesce(limits, 100), 1500);
  to_skip integer := coalesce(offsets, 0);
  folder text;
  found_name text;
  item record;
begin
  if sort_column in ('updated_at', 'created_at', 'last_accessed_at') then
    -- Folders first, by name; then files by the column. Here the caller's % and _ are a pattern, as ever.
    return query execute format($sql$
      (select array_to_string(o.path_tokens[$1:$2], '/') as folder, null::uuid, null::timestamptz, null::timestamptz, null::timestamptz, null::jsonb
         from storage.objects o
        where o.bucket_id = $4 and o.name ilike $3 || '%%' and array_length(o.path_tokens, 1) <> $2
        group by folder order by folder %2$s)
      union all
      (select array_to_string(o.path_tokens[$1:$2], '/'), o.id, o.updated_at, o.created_at, o.last_accessed_at, o.metadata
         from storage.objects o
        where o.bucket_id = $4 and o.name ilike $3 || '%%' and array_length(o.path_tokens, 1) = $2
        order by o.%1$I %2$s)
      limit $5 offset $6 $sql$, sort_column, direction)
    using coalesce(array_length(string_to_array(coalesce(prefix, ''), '/'), 1), 1), coalesce(array_length(string_to_array(asked, '/'), 1), 1),
          asked, bucketname, remaining, to_skip;
    return;
  end if;

  while remaining > 0 loop
    if upwards then
      select o.name into found_name from storage.objects o
       where o.bucket_id = bucketname and lower(o.name) collate "C" >= low and lower(o.name) collate "C" < high
       order by lower(o.name) collate "C" limit 1;
    else
      select o.name into found_name from storage.objects o
       where o.bucket_id = bucketname and lower(o.name) collate "C" >= low and lower(o.name) collate "C" < high
       order by lower(o.name) collate "C" desc limit 1;
    end if;
    exit when not found;

    folder := storage.get_common_prefix(lower(found_name), wanted, '/');
    if folder is not null then
      if to_skip > 0 then
        to_skip := to_skip - 1;
      else
        name := substring(rtrim(storage.get_common_prefix(found_name, asked, '/'), '/') from cut);
        id := null; updated_at := null; created_at := null; last_accessed_at := null; metadata := null;
        return next;
        remaining := remaining - 1;
      end if;
      if upwards then low := folder || behind; else high := folder; end if;
      continue;
    end if;

    for item in execute format(
      'select o.name, o.id, o.updated_at, o.created_at, o.last_accessed_at, o.metadata from storage.objects o
        where o.bucket_id = $1 and lower(o.name) collate "C" >= $2 and lower(o.name) collate "C" < $3
        order by lower(o.name) collate "C" %1$s, o.name collate "C" %1$s limit %2$s',
      direction, to_skip::bigint + remaining + 1) using bucketname, low, high
    loop
      folder := storage.get_common_prefix(lower(item.name), wanted, '/');
      exit when folder is not null or remaining = 0;
      if to_skip > 0 then
        to_skip := to_skip - 1;
        continue;
      end if;
      name := substring(item.name from cut); id := item.id; metadata := item.metadata;
      updated_at := item.updated_at; created_at := item.created_at; last_accessed_at := item.last_accessed_at;
      return next;
      remaining := remaining - 1;
    end loop;
    exit when folder is null;
    if upwards then low := lower(item.name); else high := lower(item.name) || chr(1); end if;
  end loop;
end $$;

/* By time every object has to be looked at. A folder is as old as its oldest object. */
create or replace function storage.search_by_timestamp(
  p_prefix text, p_bucket_id text, p_limit integer, p_level integer, p_start_after text, p_sort_order text, p_sort_column text, p_sort_column_after text
) returns table (key text, name text, id uuid, updated_at timestamptz, created_at timestamptz, last_accessed_at timestamptz, metadata jsonb)
language plpgsql stable as $$
declare
  upwards constant boolean := lower(coalesce(p_sort_order, 'asc')) is distinct from 'desc';
  by_creation constant boolean := lower(coalesce(p_sort_column, 'updated_at')) = 'created_at';
  after_time constant timestamptz := coalesce(nullif(p_sort_column_after, '')::timestamptz, 'epoch');
begin
  return query
    with entry as (
      select coalesce(rtrim(f.folder, '/'), o.name) as entry_name,
             case when f.folder is null then o.id end as object_id,
             min(case when f.folder is null then o.updated_at else o.created_at end) as changed,
             min(o.created_at) as made,
             case when f.folder is null then o.last_accessed_at end as accessed,
             case when f.folder is null then o.metadata end as facts
        from storage.objects o, lateral (select storage.get_common_prefix(o.name, coalesce(p_prefix, ''), '/') as folder) f
       where o.bucket_id = p_bucket_id
         and o.name collate "C" >= coalesce(p_prefix, '') and o.name collate "C" < coalesce(p_prefix, '') || chr(1114111)
       group by f.folder is null, 1, 2, 5, 6
    ), sorted as (
      select e.*, date_trunc('milliseconds', case when by_creation then e.made else e.changed end) as at from entry e
    )
    select split_part(s.entry_name, '/', p_level), s.entry_name, s.object_id, s.changed, s.made, s.accessed, s.facts
      from sorted s
     where coalesce(p_start_after, '') = ''
        or case when upwards then row (s.at, s.entry_name collate "C") > row (after_time, p_start_after)
                else row (s.at, s.entry_name collate "C") < row (after_time, p_start_after) end
     order by case when upwards then coalesce(s.at, 'epoch') end, case when upwards then s.entry_name collate "C" end,
              coalesce(s.at, 'epoch') desc, s.entry_name collate "C" desc
     limit p_limit;
end $$;

create or replace function storage.search_v2(
  prefix text, bucket_name text, limits integer default 100, levels integer default 1, start_after text default '',
  sort_order text default 'asc', sort_column text default 'name', sort_column_after text default ''
) returns table (key text, name text, id uuid, updated_at timestamptz, created_at timestamptz, last_accessed_at timestamptz, metadata jsonb)
language plpgsql stable as $$
declare
  capped constant integer := least(coalesce(limits, 100), 1500);
  direction constant text := case lower(sort_order) when 'desc' then 'desc' else 'asc' end;
begin
  if lower(sort_column) in ('updated_at', 'created_at') then
    return query select * from storage.search_by_timestamp(prefix, bucket_name, capped, levels, start_after, direction, sort_column, sort_column_after);
  else
    return query
      select split_part(l.name, '/', levels), l.name, l.id, l.updated_at, l.created_at, l.last_accessed_at, l.metadata
        from storage.list_objects_with_delimiter(bucket_name, coalesce(prefix, ''), '/', capped, start_after, '', direction) l;
  end if;
end $$;

/* Uploads under way, folders collapsed to one row each: the first by key and age. */
create or replace function storage.list_multipart_uploads_with_delimiter(
  bucket_id text, prefix_param text, delimiter_param text, max_keys integer default 100, next_key_token text default '', next_upload_token text default ''
) returns table (key text, id text, created_at timestamptz) language plpgsql as $$
begin
  return query
    select distinct on (shown.key collate "C") shown.key, u.id, u.created_at
      from storage.s3_multipart_uploads u,
           lateral (select coalesce(storage.get_common_prefix(u.key, prefix_param, delimiter_param), u.key) as key) shown
     where u.bucket_id = list_multipart_uploads_with_delimiter.bucket_id
       and starts_with(u.key, prefix_param)
       and case when next_upload_token <> '' then u.id collate "C" > next_upload_token
                when next_key_token <> '' then shown.key collate "C" > next_key_token
                else true end
     order by shown.key collate "C", u.key, u.created_at
     limit max_keys;
end $$;
