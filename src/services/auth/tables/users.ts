// auth.users: the accounts. A user is always read together with its identities and factors, in one round trip.
import { NIL_UUID } from '../request/addresses.ts'
import type { JsonMap } from '../request/body.ts'
import { assignments, type Db } from './database.ts'
import type { Factor } from './factors.ts'
import type { Identity } from './identities.ts'
import type { Column } from './text-row.ts'

/** A row by its column names. Text columns that upstream keeps as `''` are never null here. */
export interface User {
  readonly id: string
  readonly aud: string
  readonly role: string
  readonly email: string
  readonly phone: string
  readonly is_sso_user: boolean
  readonly is_anonymous: boolean
  readonly encrypted_password: string
  readonly email_confirmed_at: Date | null
  readonly phone_confirmed_at: Date | null
  readonly confirmed_at: Date | null
  readonly invited_at: Date | null
  readonly confirmation_token: string
  readonly confirmation_sent_at: Date | null
  readonly recovery_token: string
  readonly recovery_sent_at: Date | null
  readonly email_change_token_current: string
  readonly email_change_token_new: string
  readonly email_change: string
  readonly email_change_sent_at: Date | null
  readonly email_change_confirm_status: number
  readonly phone_change_token: string
  readonly phone_change: string
  readonly phone_change_sent_at: Date | null
  readonly reauthentication_token: string
  readonly reauthentication_sent_at: Date | null
  readonly last_sign_in_at: Date | null
  readonly raw_app_meta_data: JsonMap
  readonly raw_user_meta_data: JsonMap
  readonly created_at: Date
  readonly updated_at: Date
  readonly banned_until: Date | null
  readonly deleted_at: Date | null
  readonly identities: readonly Identity[]
  readonly factors: readonly Factor[]
}

const TEXTS = [
  'aud',
  'role',
  'email',
  'phone',
  'encrypted_password',
  'confirmation_token',
  'recovery_token',
  'email_change_token_current',
  'email_change_token_new',
  'email_change',
  'phone_change_token',
  'phone_change',
  'reauthentication_token',
] as const
const PLAIN = [
  'id',
  'is_sso_user',
  'is_anonymous',
  'email_confirmed_at',
  'phone_confirmed_at',
  'confirmed_at',
  'invited_at',
  'confirmation_sent_at',
  'recovery_sent_at',
  'email_change_sent_at',
  'phone_change_sent_at',
  'reauthentication_sent_at',
  'last_sign_in_at',
  'created_at',
  'updated_at',
  'banned_until',
  'deleted_at',
] as const

export const USER_COLUMNS = [
  ...PLAIN.map((name) => `u.${name}`),
  // Rows made by SQL may hold NULL where the service writes ''.
  ...TEXTS.map((name) => `coalesce(u.${name}, '') as ${name}`),
  'coalesce(u.email_change_confirm_status, 0)::int as email_change_confirm_status',
  "coalesce(u.raw_app_meta_data, '{}') as raw_app_meta_data",
  "coalesce(u.raw_user_meta_data, '{}') as raw_user_meta_data",
].join(', ')

const IDENTITIES = `coalesce((select json_agg(json_build_object('id', i.id, 'provider_id', i.provider_id, 'user_id', i.user_id, 'identity_data', i.identity_data,
  'provider', i.provider, 'last_sign_in_at', i.last_sign_in_at, 'created_at', i.created_at, 'updated_at', i.updated_at, 'email', i.email) order by i.created_at, i.id)
  from auth.identities i where i.user_id = u.id), '[]') as identities`
const FACTORS = `coalesce((select json_agg(json_build_object('id', f.id, 'user_id', f.user_id, 'created_at', f.created_at, 'updated_at', f.updated_at, 'status', f.status,
  'friendly_name', f.friendly_name, 'secret', f.secret, 'factor_type', f.factor_type, 'phone', f.phone, 'last_challenged_at', f.last_challenged_at,
  'web_authn_aaguid', f.web_authn_aaguid, 'last_webauthn_challenge_data', f.last_webauthn_challenge_data) order by f.created_at, f.id)
  from auth.mfa_factors f where f.user_id = u.id), '[]') as factors`
/** A user with identities and factors, as `User` holds it. */
export const WHOLE_USER = `${USER_COLUMNS}, ${IDENTITIES}, ${FACTORS}`

const FLAGS: ReadonlySet<string> = new Set(['is_sso_user', 'is_anonymous'])
/** The columns of WHOLE_USER, in order. */
export const USER_SHAPE: readonly Column[] = [
  ...PLAIN.map((name): Column => [name, name === 'id' ? 'text' : FLAGS.has(name) ? 'flag' : 'time']),
  ...TEXTS.map((name): Column => [name, 'text']),
  ['email_change_confirm_status', 'number'],
  ['raw_app_meta_data', 'json'],
  ['raw_user_meta_data', 'json'],
  ['identities', 'json'],
  ['factors', 'json'],
]

async function findOne(db: Db, where: string, values: readonly unknown[]): Promise<User | undefined> {
  const { rows } = await db.query<User>(`select ${WHOLE_USER} from auth.users u where ${where} limit 1`, values)
  return rows[0]
}

export const findUserById = (db: Db, id: string) => findOne(db, 'u.instance_id = $1 and u.id = $2', [NIL_UUID, id])

/** Accounts of SSO providers are not found by their address: the same one may exist beside them. */
export const findUserByEmail = (db: Db, email: string, aud: string) =>
  findOne(db, 'u.instance_id = $1 and lower(u.email) = $2 and u.aud = $3 and u.is_sso_user = false', [NIL_UUID, email.toLowerCase(), aud])

export const findUserByPhone = (db: Db, phone: string, aud: string) =>
  findOne(db, 'u.instance_id = $1 and u.phone = $2 and u.aud = $3 and u.is_sso_user = false', [NIL_UUID, phone, aud])

export const findUserByPhoneChange = (db: Db, phone: string, aud: string) =>
  findOne(db, 'u.instance_id = $1 and u.phone_change = $2 and u.aud = $3 and u.is_sso_user = false', [NIL_UUID, phone, aud])

/** The user, locked until the transaction ends: what decides on single-use columns must see the newest row. */
export async function lockUser(db: Db, id: string): Promise<User | undefined> {
  const { rowCount } = await db.query('select 1 from auth.users where id = $1 for update', [id])
  return rowCount ? findUserById(db, id) : undefined
}

/** Whether the user's row could be locked at once. */
export async function tryLockUser(db: Db, id: string): Promise<boolean> {
  const { rowCount } = await db.query('select 1 from auth.users where id = $1 for update skip locked', [id])
  return rowCount === 1
}

/** All whose address is one of these, SSO accounts aside. */
export async function findUsersByEmails(db: Db, emails: readonly string[]): Promise<readonly User[]> {
  const { rows } = await db.query<User>(
    `select ${WHOLE_USER} from auth.users u where u.email = any($1::text[]) and u.is_sso_user = false`,
    [emails],
  )
  return rows
}

/** Another user of that audience who has this address, by identity or by row; identities of the providers `elsewhere` do not count. */
export async function findDuplicateEmail(
  db: Db,
  email: string,
  aud: string,
  except?: string,
  elsewhere: readonly string[] = [],
): Promise<User | undefined> {
  const byIdentity = await findOne(
    db,
    `u.aud = $2 and u.id in (select i.user_id from auth.identities i where i.email = $1 and i.provider not like 'sso:%' and i.provider <> all($4::text[]))
     and ($3::uuid is null or u.id <> $3::uuid)`,
    [email.toLowerCase(), aud, except ?? null, elsewhere],
  )
  if (byIdentity) return byIdentity
  const byRow = await findUserByEmail(db, email, aud)
  return byRow?.id === except ? undefined : byRow
}

export interface NewUser {
  readonly id: string
  readonly aud: string
  readonly email: string
  readonly phone: string
  readonly encrypted_password: string
  readonly raw_app_meta_data: JsonMap
  readonly raw_user_meta_data: JsonMap
  readonly is_anonymous: boolean
  readonly is_sso_user: boolean
}

/** Makes the row as upstream does: token columns `''`, role not yet set. Triggers of the user run here. */
export async function insertUser(db: Db, user: NewUser): Promise<void> {
  await db.query(
    `insert into auth.users (instance_id, id, aud, role, email, phone, encrypted_password, raw_app_meta_data, raw_user_meta_data, is_anonymous, is_sso_user,
       confirmation_token, recovery_token, email_change_token_current, email_change_token_new, email_change, phone_change, phone_change_token, reauthentication_token,
       email_change_confirm_status, created_at, updated_at)
     values ($1, $2, $3, '', nullif($4, ''), nullif($5, ''), $6, $7, $8, $9, $10, '', '', '', '', '', '', '', '', 0, now(), now())`,
    [
      NIL_UUID,
      user.id,
      user.aud,
      user.email,
      user.phone,
      user.encrypted_password,
      user.raw_app_meta_data,
      user.raw_user_meta_data,
      user.is_anonymous,
      user.is_sso_user,
    ],
  )
}

/** Columns that may be written; `''` in email and phone becomes NULL, an empty password too. */
export type UserChange = Partial<{
  -readonly [K in Exclude<keyof User, 'id' | 'confirmed_at' | 'identities' | 'factors' | 'created_at'>]: User[K]
}>

/** Writes the columns and gives the user as it is afterwards (triggers included), identities and factors as they were. */
export async function updateUser(db: Db, user: User, change: UserChange): Promise<User> {
  const values: Record<string, unknown> = { ...change }
  for (const column of ['email', 'phone', 'encrypted_password']) if (values[column] === '') values[column] = null
  const { sql, values: parameters } = assignments({ updated_at: new Date(), ...values }, 2)
  const { rows } = await db.query<User>(`update auth.users u set ${sql} where u.id = $1 returning ${USER_COLUMNS}`, [
    user.id,
    ...parameters,
  ])
  const row = rows[0]
  if (!row) throw new Error('Cannot update the user: the row is gone')
  return { ...row, identities: user.identities, factors: user.factors }
}

/** First level merge; null deletes a key. */
export function mergeMap(current: JsonMap, updates: JsonMap): JsonMap {
  const merged = new Map(Object.entries(current))
  for (const [key, value] of Object.entries(updates)) {
    if (value === null || value === undefined) merged.delete(key)
    else merged.set(key, value)
  }
  return Object.fromEntries(merged)
}

export const deleteUser = (db: Db, id: string) => db.query('delete from auth.users where id = $1', [id])

/** Only one that nobody has entered yet. */
export const deleteNewUser = (db: Db, id: string) =>
  db.query(
    'delete from auth.users where id = $1 and last_sign_in_at is null and email_confirmed_at is null and phone_confirmed_at is null',
    [id],
  )

export interface UserList {
  readonly users: readonly User[]
  readonly total: number
}

const LISTED = `u.instance_id = $1 and u.aud = $2 and ($3 = '' or u.email like '%' || $3 || '%' or u.raw_user_meta_data->>'full_name' ilike '%' || $3 || '%')`

/** One page of an audience; identities and factors are not loaded. */
export async function listUsers(
  db: Db,
  aud: string,
  filter: string,
  direction: 'asc' | 'desc',
  offset: number,
  limit: number,
): Promise<UserList> {
  const { rows: counted } = await db.query<{ total: string }>(`select count(*) as total from auth.users u where ${LISTED}`, [
    NIL_UUID,
    aud,
    filter,
  ])
  const { rows } = await db.query<User>(
    `select ${USER_COLUMNS} from auth.users u where ${LISTED} order by u.created_at ${direction}, u.id ${direction} limit $4 offset $5`,
    [NIL_UUID, aud, filter, limit, offset],
  )
  return { users: rows.map((row) => ({ ...row, identities: [], factors: [] })), total: Number(counted[0]?.total ?? 0) }
}

/** A page after a position; the position of a row is its time in microseconds and its id. */
export async function listUsersAfter(
  db: Db,
  aud: string,
  filter: string,
  direction: 'asc' | 'desc',
  after: { readonly at: string; readonly id: string } | undefined,
  limit: number,
): Promise<readonly (User & { readonly position: string })[]> {
  const compare = direction === 'desc' ? '<' : '>'
  const { rows } = await db.query<User & { position: string }>(
    `select ${USER_COLUMNS}, (extract(epoch from u.created_at) * 1000000)::bigint::text as position from auth.users u
     where ${LISTED} and ($4::bigint is null or (u.created_at, u.id) ${compare} ('epoch'::timestamptz + $4::bigint * interval '1 microsecond', $5::uuid))
     order by u.created_at ${direction}, u.id ${direction} limit $6`,
    [NIL_UUID, aud, filter, after?.at ?? null, after?.id ?? null, limit],
  )
  return rows.map((row) => ({ ...row, identities: [], factors: [] }))
}

export const isConfirmed = (user: User): boolean => user.email_confirmed_at !== null
export const isPhoneConfirmed = (user: User): boolean => user.phone_confirmed_at !== null
export const isBanned = (user: User, nowMs = Date.now()): boolean => user.banned_until !== null && nowMs < user.banned_until.getTime()
export const hasVerifiedFactor = (user: User): boolean => user.factors.some(({ status }) => status === 'verified')
