// Extensions of upstream's image that need compiled code which the embedded server does not have. `create extension` of one says so, by its
// name, instead of complaining about a missing file.

/** Name, and what can be had instead. */
export const UNAVAILABLE: Readonly<Record<string, string>> = {
  address_standardizer: '',
  address_standardizer_data_us: '',
  http: 'pg_net sends requests too, asynchronously.',
  hypopg: '',
  index_advisor: '',
  pg_hashids: '',
  pg_jsonschema: '',
  pg_partman: 'Declarative partitioning and pg_cron do most of it.',
  pg_plan_filter: '',
  pg_repack: 'VACUUM FULL or CLUSTER do the same with a lock.',
  pg_stat_monitor: 'pg_stat_statements is there.',
  pg_tle: '',
  pgaudit: '',
  pgroonga: 'Full text search and pg_trgm are there.',
  pgroonga_database: '',
  pgrouting: '',
  pgtap: '',
  plcoffee: 'plpgsql and plperl are there.',
  pljava: 'plpgsql and plperl are there.',
  plls: 'plpgsql and plperl are there.',
  plpgsql_check: '',
  plv8: 'plpgsql and plperl are there.',
  postgis: 'earthdistance and cube cover distances between points.',
  postgis_raster: '',
  postgis_sfcgal: '',
  postgis_tiger_geocoder: '',
  postgis_topology: '',
  rum: 'GIN indexes are there.',
  timescaledb: 'Declarative partitioning is there.',
  vector: '',
  vectorscale: '',
  wrappers: 'postgres_fdw and file_fdw are there.',
}

export function unavailableControl(name: string): string {
  return `comment = 'not available in the Postgres that Plinth brings along (${name} needs compiled code)'\ndefault_version = '0'\nrelocatable = true\ntrusted = true\n`
}

export function unavailableScript(name: string): string {
  const instead = UNAVAILABLE[name] ?? ''
  const message = `extension "${name}" is not available in the Postgres that Plinth brings along: it needs compiled code`
  const hint = `Set POSTGRES_HOST to a Postgres that has ${name} (upstream's image supabase/postgres does), and Plinth uses that one.${instead && ` ${instead}`}`
  const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`
  return `do $$ begin raise exception ${quoted(message)} using errcode = '0A000', hint = ${quoted(hint)}; end $$;\n`
}

/** Extensions of Postgres itself that upstream lets its `postgres` create, though Postgres would ask for a superuser. */
export const TRUSTED_CONTRIB: readonly string[] = [
  'amcheck',
  'autoinc',
  'bloom',
  'dblink',
  'dict_xsyn',
  'earthdistance',
  'insert_username',
  'moddatetime',
  'pg_buffercache',
  'pg_prewarm',
  'pg_stat_statements',
  'pg_walinspect',
  'pgrowlocks',
  'pgstattuple',
  'postgres_fdw',
  'refint',
  'sslinfo',
  'tsm_system_rows',
  'tsm_system_time',
  'unaccent',
  'xml2',
]

/** What follows the script of such an extension, so that `postgres` can use what a superuser's script has made. */
export const ADDENDA: Readonly<Record<string, string>> = {
  'postgres_fdw--1.0.sql': grantUsage('postgres_fdw'),
  'dblink--1.2.sql': grantUsage('dblink_fdw'),
}

function grantUsage(wrapper: string): string {
  return `\ndo $$ begin if to_regrole('postgres') is not null then grant usage on foreign data wrapper ${wrapper} to postgres with grant option; end if; end $$;\n`
}
