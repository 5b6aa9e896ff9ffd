// Brings a database to what upstream's image holds before any service has migrated: roles, schemas, grants, extensions, event triggers.
// Idempotent, versioned, under a lock; user tables are never touched. What a login without superuser rights may not do is left out and told.
import type { ClientBase } from 'pg'
import type { Logger } from '../../../log/log.ts'
import { ident } from '../../../pg/quote.ts'
import { DatabaseProblem } from '../server/problem.ts'
import { type Block, readSteps, type Step } from './blocks.ts'
import { outdated, PASSWORD_ROLES, setPasswords, setPasswordsByTrying } from './roles.ts'

/** Any number, the same for all who bootstrap. */
const LOCK = 727_270_001
/** Where the version is kept: the comment on a schema of ours, so that no table of ours stands among the user's. Any login may write it. */
const VERSION_SCHEMA = '_realtime'
const VERSION_COMMENT = /^Plinth bootstrap (\d+)$/
/** Errors that say that this login may not, or that this server has not; the block is left out. */
const FALLS_AWAY = new Set(['42501', '0A000', '58P01', '42704', '3F000', '42P01', '42883', '55000', '22023'])

export interface BootstrapOptions {
  readonly client: ClientBase
  readonly password: string
  readonly jwtSecret: string | undefined
  readonly jwtExp: number
  readonly log: Logger
  /** Whether a role can log in with the password; asked where stored passwords may not be read. */
  readonly fits?: (role: string) => Promise<boolean>
}

export interface BootstrapResult {
  /** True when this database had never been bootstrapped. */
  readonly first: boolean
  readonly leftOut: readonly { readonly what: string; readonly why: string }[]
}

interface State {
  readonly superuser: boolean
  /** The server has every extension that the steps make. */
  readonly extensions: boolean
  readonly version: number
  readonly settings: Readonly<Record<string, string>>
}

export async function bootstrap(options: BootstrapOptions): Promise<BootstrapResult> {
  const { client } = options
  const steps = await readSteps()
  try {
    const state = await open(client)
    const pending = steps.filter((step) => step.version > state.version)
    const leftOut = state.superuser && state.extensions ? await applyWhole(client, pending) : await applyWhatMay(client, pending)
    if (pending.length > 0) await client.query(`comment on schema ${VERSION_SCHEMA} is 'Plinth bootstrap ${pending.at(-1)?.version}'`)
    await settings(options, state, leftOut)
    if (state.superuser) await passwords(options)
    await client.query('commit')
    if (!state.superuser) await passwordsByTrying(options)
    if (leftOut.length > 0)
      options.log.warn({ leftOut }, 'this database login may not do everything; what falls away is listed in docs/database.md')
    return { first: state.version === 0, leftOut }
  } catch (error) {
    await client.query('rollback').catch(() => {
      // The connection is gone, and the transaction with it.
    })
    throw error
  }
}

async function open(client: ClientBase): Promise<State> {
  // Nothing here is lost that could not be done again: no need to wait for the disk.
  const results = (await client.query(
    `begin; set local synchronous_commit = off; set local search_path = pg_catalog; set local client_min_messages = warning;
     select pg_advisory_xact_lock(${LOCK});
     select rolsuper as superuser,
            (select count(*) = 4 from pg_available_extensions where name in ('uuid-ossp', 'pgcrypto', 'pg_stat_statements', 'supabase_vault')) as extensions,
            obj_description(to_regnamespace('${VERSION_SCHEMA}'), 'pg_namespace') as comment,
            (select setconfig from pg_db_role_setting where setrole = 0 and setdatabase = (select oid from pg_database where datname = current_database())) as settings
       from pg_roles where rolname = current_user`,
  )) as unknown as { rows: { superuser: boolean; extensions: boolean; comment: string | null; settings: string[] | null }[] }[]
  const row = results.at(-1)?.rows[0]
  const found = Object.fromEntries(
    (row?.settings ?? []).map((setting) => [setting.slice(0, setting.indexOf('=')), setting.slice(setting.indexOf('=') + 1)]),
  )
  return {
    superuser: row?.superuser ?? false,
    extensions: row?.extensions ?? false,
    version: Number(VERSION_COMMENT.exec(row?.comment ?? '')?.[1] ?? 0),
    settings: found,
  }
}

async function applyWhole(client: ClientBase, steps: readonly Step[]): Promise<{ what: string; why: string }[]> {
  const text = steps.flatMap(({ blocks }) => blocks.map(({ sql }) => sql)).join('\n')
  // None of this belongs among the statements that people look at for slow ones.
  if (text) await client.query(`set local pg_stat_statements.track = 'none'; ${text}`)
  return []
}

async function applyWhatMay(client: ClientBase, steps: readonly Step[]): Promise<{ what: string; why: string }[]> {
  const leftOut: { what: string; why: string }[] = []
  for (const block of steps.flatMap(({ blocks }) => blocks)) {
    const why = await attempt(client, block)
    if (why !== undefined) leftOut.push({ what: block.title, why })
  }
  const missing = await client.query<{ name: string }>(
    `select name from unnest(array['anon', 'authenticated', 'service_role', 'authenticator']) as name where to_regrole(name) is null`,
  )
  if (missing.rows.length > 0) {
    throw new DatabaseProblem(
      `The database has no role ${missing.rows.map(({ name }) => name).join(', ')}, and this login may not create roles. Give it CREATEROLE, or set POSTGRES_USER to one that has it.`,
    )
  }
  return leftOut
}

/** Runs one block by itself; why it was left out, if it was. */
async function attempt(client: ClientBase, { sql }: Block): Promise<string | undefined> {
  await client.query('savepoint block')
  try {
    await client.query(sql)
    await client.query('release savepoint block')
    return undefined
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    if (!code || !FALLS_AWAY.has(code)) throw error
    await client.query('rollback to savepoint block')
    return message
  }
}

/** The settings of the database: what SQL reads of the JWT secret. */
async function settings(options: BootstrapOptions, state: State, leftOut: { what: string; why: string }[]): Promise<void> {
  const wanted: Record<string, string> = { 'app.settings.jwt_exp': String(options.jwtExp) }
  if (options.jwtSecret !== undefined) wanted['app.settings.jwt_secret'] = options.jwtSecret
  for (const [name, value] of Object.entries(wanted)) {
    if (state.settings[name] === value) continue
    await options.client.query('select set_config($1, $2, true)', ['plinth.value', value])
    const sql = `do $$ begin execute format('alter database %I set ${ident(name)} to %L', current_database(), current_setting('plinth.value')); perform set_config('plinth.value', '', true); end $$`
    const why = state.superuser ? void (await options.client.query(sql)) : await attempt(options.client, { title: name, sql })
    if (why !== undefined) leftOut.push({ what: `the database setting ${name}`, why })
  }
}

async function passwords({ client, password, log }: BootstrapOptions): Promise<void> {
  const { rows } = await client.query<{ rolname: string; rolpassword: string | null }>(
    'select rolname, rolpassword from pg_authid where rolname = any ($1) and rolcanlogin',
    [PASSWORD_ROLES],
  )
  const names = await outdated(Object.fromEntries(rows.map(({ rolname, rolpassword }) => [rolname, rolpassword])), password)
  if (names.length === 0) return
  await setPasswords(client, names, password)
  if (rows.some(({ rolname, rolpassword }) => rolpassword !== null && names.includes(rolname))) {
    log.info({ roles: names }, 'roles were given the password of POSTGRES_PASSWORD')
  }
}

async function passwordsByTrying({ client, password, log, fits }: BootstrapOptions): Promise<void> {
  if (!fits) return
  const { set, refused } = await setPasswordsByTrying(client, password, fits)
  if (set.length > 0) log.info({ roles: set }, 'roles were given the password of POSTGRES_PASSWORD')
  if (refused.length > 0)
    log.warn({ roles: refused }, 'this database login may not change the password of these roles: services that log in as them will fail')
}
