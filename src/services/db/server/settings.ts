// The files that configure a cluster: written anew at every start, so that ALTER SYSTEM and `db.settings` are the ways to change something.

/** Upstream's settings that clients can see, and those that keep an embedded server small and its log free of secrets. */
const SETTINGS: Readonly<Record<string, string>> = {
  wal_level: 'logical',
  max_wal_senders: '10',
  max_replication_slots: '5',
  max_slot_wal_keep_size: '4096MB',
  max_connections: '100',
  shared_buffers: '128MB',
  min_wal_size: '80MB',
  password_encryption: 'scram-sha-256',
  authentication_timeout: '1min',
  shared_preload_libraries: 'pg_stat_statements',
  timezone: 'UTC',
  log_timezone: 'UTC',
  datestyle: 'iso, mdy',
  default_text_search_config: 'pg_catalog.english',
  lc_messages: 'C',
  row_security: 'on',
  extra_float_digits: '0',
  dynamic_shared_memory_type: 'posix',
  log_destination: 'stderr',
  logging_collector: 'off',
  log_line_prefix: '%h %m [%p] %q%u@%d ',
  log_checkpoints: 'off',
  // Errors belong to whoever sent the statement; a statement's text may hold a password.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  unix_socket_permissions: '0700',
}

export function configText(more: Readonly<Record<string, string>>): string {
  const lines = Object.entries({ ...SETTINGS, ...more }).map(
    ([name, value]) => `${name} = '${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`,
  )
  return `# Written by Plinth at every start. To change a setting: ALTER SYSTEM SET, or [db.settings] in supabase/config.toml.\n${lines.join('\n')}\n`
}

/** The number of connections that the cluster will allow, and how many of them only superusers get. */
export function connectionLimit(more: Readonly<Record<string, string>>): { max: number; reserved: number } {
  const value = (name: string, otherwise: number) => Number(more[name] ?? otherwise)
  return {
    max: value('max_connections', Number(SETTINGS['max_connections'])),
    reserved: value('superuser_reserved_connections', 3) + value('reserved_connections', 0),
  }
}

/** Whoever comes, by whichever way, shows a password. */
export const HBA_TEXT = `# Written by Plinth at every start.
local all all scram-sha-256
local replication all scram-sha-256
host all all all scram-sha-256
host replication all all scram-sha-256
`
