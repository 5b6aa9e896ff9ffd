// The management of tenants: what of them is shown, what may be changed, and what a change does to whoever is connected.
import { z } from 'zod'
import type { RealtimeState } from '../state.ts'
import { prepareDatabase } from '../tenants/prepare.ts'
import { CDC_TYPE, type TenantRecord } from '../tenants/record.ts'
import { newTenantLimits } from '../tenants/seed.ts'
import { type TenantChange, WRITABLE } from '../tenants/store.ts'
import { answerEmpty, answerJson } from './answer.ts'
import type { Exchange } from './app.ts'
import { BodyTooLarge, readBody } from './body.ts'

const MAX_BODY_BYTES = 1_048_576
const NOT_FOUND = { message: 'not found' }

const whole = z.int({ error: () => 'is invalid' })
const flag = z.boolean({ error: () => 'is invalid' })
const text = z.string({ error: () => 'is invalid' })
/** Of a column that holds four bytes. */
const limit = whole
  .min(0, { error: () => 'must be greater than or equal to 0' })
  .max(2_147_483_647, { error: () => 'must be less than or equal to 2147483647' })
const settings = z.record(z.string(), z.unknown(), { error: () => 'is invalid' })

const attributes = z.object(
  {
    external_id: text.min(1, { error: () => "can't be blank" }).optional(),
    name: text.nullish(),
    jwt_secret: text.nullish(),
    jwt_jwks: settings.nullish(),
    postgres_cdc_default: text.optional(),
    max_concurrent_users: limit.optional(),
    max_events_per_second: limit.optional(),
    max_presence_events_per_second: limit.optional(),
    max_payload_size_in_kb: limit.optional(),
    max_bytes_per_second: limit.optional(),
    max_channels_per_client: limit.optional(),
    max_joins_per_second: limit.optional(),
    max_client_presence_events_per_window: limit.nullish(),
    client_presence_window_ms: limit.nullish(),
    suspend: flag.optional(),
    private_only: flag.optional(),
    presence_enabled: flag.optional(),
    notify_private_alpha: flag.optional(),
    extensions: z.array(z.object({ type: text, settings }), { error: () => 'is invalid' }).optional(),
  },
  { error: () => 'is invalid' },
)

export async function listTenants({ res }: Exchange, { store }: RealtimeState): Promise<void> {
  answerJson(res, 200, { data: (await store.all()).map(shown) })
}

export async function showTenant({ res, params }: Exchange, { store }: RealtimeState): Promise<void> {
  const record = await store.find(params[0]!)
  if (record === undefined) return answerJson(res, 404, NOT_FOUND)
  answerJson(res, 200, { data: shown(record) })
}

export async function saveTenant({ req, res, params }: Exchange, state: RealtimeState): Promise<void> {
  const given = await bodyOf(req)
  if (given === undefined) return answerJson(res, 400, { errors: { detail: 'Bad Request' } })
  const read = attributes.safeParse(given)
  if (!read.success) return answerJson(res, 422, { errors: problemsOf(read.error) })
  const id = params[0] ?? read.data.external_id
  if (id === undefined) return answerJson(res, 422, { errors: { external_id: ["can't be blank"] } })
  const known = await state.store.find(id)
  const change = changeOf(read.data)
  if (known === undefined) {
    const missing = Object.fromEntries(
      [
        ['jwt_secret', read.data.jwt_secret ?? read.data.jwt_jwks],
        ['extensions', read.data.extensions],
      ].flatMap(([name, value]) => (value === undefined || value === null ? [[name, ["can't be blank"]]] : [])),
    )
    if (Object.keys(missing).length > 0) return answerJson(res, 422, { errors: missing })
  }
  const columns = known === undefined ? { ...newTenantLimits(state.env), name: id, ...change.columns } : change.columns
  const { record, created } = await state.store.save(id, { ...change, columns })
  if (created) await prepareDatabase(record, state)
  state.tenants.updated(record)
  answerJson(res, created ? 201 : 200, { data: shown(record) }, { location: `/api/tenants/${record.id}` })
}

export async function deleteTenant({ res, params }: Exchange, state: RealtimeState): Promise<void> {
  const record = await state.store.find(params[0]!)
  if (record !== undefined) {
    await state.store.delete(params[0]!)
    await state.tenants.removed(params[0]!)
  }
  answerEmpty(res, 204)
}

export async function reloadTenant({ res, params }: Exchange, state: RealtimeState): Promise<void> {
  const tenant = await state.tenants.byId(params[0]!)
  if (tenant === undefined) return answerJson(res, 404, NOT_FOUND)
  tenant.disconnectAll()
  await tenant.restartDatabase()
  answerEmpty(res, 204)
}

export async function shutdownTenant({ res, params }: Exchange, state: RealtimeState): Promise<void> {
  const tenant = await state.tenants.byId(params[0]!)
  if (tenant === undefined) return answerJson(res, 404, NOT_FOUND)
  await tenant.restartDatabase()
  answerEmpty(res, 204)
}

export async function tenantHealth({ res, params }: Exchange, state: RealtimeState): Promise<void> {
  const tenant = await state.tenants.byId(params[0]!)
  if (tenant === undefined) return answerJson(res, 404, NOT_FOUND)
  const { connected, replication, users } = await tenant.health()
  answerJson(res, 200, {
    data: {
      healthy: connected || users === 0,
      db_connected: connected,
      replication_connected: replication,
      connected_cluster: users,
      region: state.env.REGION ?? null,
      node: `${state.env.APP_NAME}@127.0.0.1`,
    },
  })
}

/** The body's `tenant`; undefined where there is none. */
async function bodyOf(req: Exchange['req']): Promise<unknown> {
  try {
    const body: unknown = JSON.parse((await readBody(req, MAX_BODY_BYTES)).toString())
    return typeof body === 'object' && body !== null && Object.hasOwn(body, 'tenant') ? (body as { tenant: unknown }).tenant : undefined
  } catch (error) {
    if (error instanceof BodyTooLarge || error instanceof SyntaxError) return undefined
    throw error
  }
}

function problemsOf({ issues }: z.ZodError): Record<string, string[]> {
  const problems: Record<string, string[]> = {}
  for (const { path, message } of issues) {
    const name = String(path[0] ?? 'tenant')
    problems[name] = [...(problems[name] ?? []), message]
  }
  return problems
}

function changeOf(given: z.output<typeof attributes>): TenantChange {
  return {
    columns: Object.fromEntries(WRITABLE.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]]))),
    ...(given.jwt_secret === undefined ? {} : { jwtSecret: given.jwt_secret }),
    ...(given.jwt_jwks === undefined ? {} : { jwtJwks: given.jwt_jwks }),
    ...(given.extensions === undefined ? {} : { extensions: given.extensions }),
  }
}

function shown(record: TenantRecord): unknown {
  return {
    id: record.id,
    external_id: record.externalId,
    name: record.name,
    max_concurrent_users: record.maxConcurrentUsers,
    max_channels_per_client: record.maxChannelsPerClient,
    max_events_per_second: record.maxEventsPerSecond,
    max_joins_per_second: record.maxJoinsPerSecond,
    inserted_at: record.insertedAt,
    extensions: record.extensions.map(({ type, settings: all, insertedAt, updatedAt }) => {
      const { db_password: _, ...rest } = all
      return { type: type === CDC_TYPE ? CDC_TYPE : type, inserted_at: insertedAt, updated_at: updatedAt, settings: rest }
    }),
    private_only: record.privateOnly,
    max_client_presence_events_per_window: record.maxClientPresenceEventsPerWindow,
    client_presence_window_ms: record.clientPresenceWindowMs,
    presence_enabled: record.presenceEnabled,
  }
}
