// The variables of the service `db`: those of upstream's Postgres image, and the few of Plinth's own that an embedded server needs.
import { z } from 'zod'
import { count, json, oneOf, port, secret, text } from '../../env/types.ts'

/** Server settings that the stack relies on; `db.settings` and PLINTH_DB_SETTINGS may not name them. */
const OURS: ReadonlySet<string> = new Set([
  'config_file',
  'data_directory',
  'external_pid_file',
  'hba_file',
  'ident_file',
  'listen_addresses',
  'log_destination',
  'log_line_prefix',
  'logging_collector',
  'password_encryption',
  'port',
  'unix_socket_directories',
  'unix_socket_permissions',
  'wal_level',
])

/** A JSON object of server settings (`{"work_mem": "8MB"}`), every value as text. */
const settings = json.transform((value, ctx): Readonly<Record<string, string>> => {
  const parsed = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).safeParse(value)
  if (!parsed.success) {
    ctx.addIssue({ code: 'custom', message: 'a JSON object of server settings' })
    return z.NEVER
  }
  const result: Record<string, string> = {}
  for (const [name, setting] of Object.entries(parsed.data)) {
    const written = String(setting)
    if (!/^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/i.test(name) || /[\0\r\n]/.test(written)) {
      ctx.addIssue({ code: 'custom', message: `names of server settings with values of one line (not ${JSON.stringify(name)})` })
      return z.NEVER
    }
    if (OURS.has(name.toLowerCase())) {
      ctx.addIssue({ code: 'custom', message: `no setting that the stack decides itself (${name})` })
      return z.NEVER
    }
    result[name.toLowerCase()] = written
  }
  return result
})

export const dbEnv = z.object({
  /** Unset, `db` or a path (upstream's image has its socket folder here): the embedded server. Anything else: a server elsewhere, 127.0.0.1 included. */
  POSTGRES_HOST: text.optional(),
  /** Port of the embedded server, or of the server elsewhere. */
  POSTGRES_PORT: port.default(5432),
  /** The stack's database. */
  POSTGRES_DB: text.default('postgres'),
  /** Password of every login role, reconciled at each start; elsewhere also the login's password. */
  POSTGRES_PASSWORD: secret,
  /** Elsewhere only: the login that bootstraps. Unset: supabase_admin, then postgres. */
  POSTGRES_USER: text.optional(),
  /** Elsewhere only: libpq's word for how much TLS is asked of the server. */
  PGSSLMODE: oneOf('disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full').optional(),
  /** Becomes the database setting app.settings.jwt_secret. */
  JWT_SECRET: secret.optional(),
  /** Becomes the database setting app.settings.jwt_exp, in seconds. */
  JWT_EXP: count.default(3_600),
  /** Folder of the cluster, exactly there. Unset: `db` in the state folder, or (as root, where the server's user cannot reach that) a folder under /var/lib/plinth. */
  PGDATA: text.optional(),
  /** The stack's state folder (`.plinth`): state.json, and what the server needs beside its data. Required unless PGDATA is set. */
  PLINTH_STATE_DIR: text.optional(),
  /** What the embedded server listens on: libpq's listen_addresses. */
  PLINTH_DB_LISTEN: text.default('127.0.0.1'),
  /** `db.settings` of config.toml: a JSON object of server settings. */
  PLINTH_DB_SETTINGS: settings.default({}),
  /** `db.root_key` of config.toml: the key that vault encrypts with, any text. Unset: made once and kept beside the data. */
  PLINTH_DB_ROOT_KEY: secret.optional(),
})
export type DbEnv = z.infer<typeof dbEnv>

/** True when these variables ask for the server that Plinth brings along. */
export function isEmbedded(env: Pick<DbEnv, 'POSTGRES_HOST'>): boolean {
  const host = env.POSTGRES_HOST
  return host === undefined || host === 'db' || host.startsWith('/')
}
