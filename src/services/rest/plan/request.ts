// One request against the schema cache: what statement it is, how its transaction runs, and which checks its result has to pass.
import { RestError } from '../errors.ts'
import type { MediaType } from '../parse/media-type.ts'
import type { Payload } from '../parse/payload.ts'
import type { Preferences } from '../parse/prefer.ts'
import type { Window } from '../parse/range.ts'
import type { Request } from '../parse/request.ts'
import { keyOf, type Name, type Routine, type SchemaCache, type Table } from '../schema-cache/types.ts'
import type { BodyForm } from '../sql/body.ts'
import { isScalar } from '../sql/call.ts'
import { SOURCE } from '../sql/read.ts'
import { bodyArguments, type CallPlan, type CallRequest, findRoutine, valueArguments } from './call.ts'
import { similar } from './fuzzy.ts'
import { negotiate } from './media.ts'
import { planRead, type ReadContext, type ReadPlan } from './read.ts'
import { computedColumns, planDelete, planInsert, planPut, planUpdate, returnedColumns, type WritePlan } from './write.ts'

export interface PlanSettings {
  readonly maxRows: number | undefined
  readonly aggregates: boolean
  readonly legacyNames: boolean
  readonly planEnabled: boolean
  readonly safeUpdate: boolean
}

interface Common {
  readonly request: Request
  readonly read: ReadPlan
  readonly form: BodyForm
  readonly type: MediaType
  readonly readOnly: boolean
}

export type Plan = Common &
  (
    | { readonly kind: 'read'; readonly table: Table }
    | {
        readonly kind: 'write'
        readonly write: WritePlan
        readonly table: Table
        /** Columns of the key that `Location` names. */
        readonly location: readonly string[]
        readonly applied: { readonly resolution: boolean }
      }
    | { readonly kind: 'call'; readonly call: CallPlan; readonly routine: Routine }
  )

const NO_BODY: BodyForm = { kind: 'none' }
/** Schemas with more relations than this get no hints: looking for them would take too long. */
const HINT_LIMIT = 500

export function findTable(cache: SchemaCache, schema: string, name: string): Table {
  const table = cache.tables.get(keyOf(schema, name))
  if (table !== undefined) return table
  const names = [...cache.tables.values()].filter((candidate) => candidate.schema === schema).map((candidate) => candidate.name)
  const match = names.length < HINT_LIMIT ? similar(names, name, 0.75)[0] : undefined
  throw new RestError('PGRST205', {
    words: `Could not find the table '${schema}.${name}' in the schema cache`,
    hint: match === undefined ? null : `Perhaps you meant the table '${schema}.${match.value}'`,
  })
}

function contextOf(request: Request, cache: SchemaCache, settings: PlanSettings): ReadContext {
  return { cache, schema: request.schema, maxRows: settings.maxRows, aggregates: settings.aggregates, legacyNames: settings.legacyNames }
}

export function planTableRead(request: Request, name: string, cache: SchemaCache, settings: PlanSettings): Plan {
  const table = findTable(cache, request.schema, name)
  const read = planRead(
    request.query,
    { table, ref: table.name, filters: true, window: request.window },
    contextOf(request, cache, settings),
  )
  const { form, type } = negotiate(cache, {
    accepted: request.accepted,
    subject: table,
    routine: undefined,
    defaultSelect: read.defaultSelect,
    planEnabled: settings.planEnabled,
  })
  return { kind: 'read', request, table, read, form: request.isHead && type.kind !== 'plan' ? NO_BODY : form, type, readOnly: true }
}

export function planTableWrite(
  request: Request,
  name: string,
  payload: Payload | undefined,
  cache: SchemaCache,
  settings: PlanSettings,
): Plan {
  const table = findTable(cache, request.schema, name)
  const { query, preferences } = request
  const read = planRead(query, { table, ref: SOURCE, filters: false, window: undefined }, contextOf(request, cache, settings))
  const location = request.action === 'insert' && preferences.return === 'headers-only' ? table.primaryKey : []
  const returning = preferences.return === 'representation' ? returnedColumns(read.root) : location
  const write = writeOf(request, table, payload, returning, cache)
  if (settings.safeUpdate && write.kind !== 'insert' && write.where.length === 0) throw new UnfilteredWrite(write.kind)
  const { form, type } = negotiate(cache, {
    accepted: request.accepted,
    subject: table,
    routine: undefined,
    defaultSelect: read.defaultSelect,
    planEnabled: settings.planEnabled,
  })
  const applied = { resolution: table.primaryKey.length > 0 || query.onConflict !== undefined }
  return {
    kind: 'write',
    request,
    table,
    read,
    write,
    location,
    applied,
    form: preferences.return === 'representation' ? form : NO_BODY,
    type,
    readOnly: false,
  }
}

/** What the library safeupdate says in upstream's stack. */
export class UnfilteredWrite extends Error {
  constructor(kind: 'update' | 'delete') {
    super(`${kind.toUpperCase()} requires a WHERE clause`)
  }
}

function writeOf(
  request: Request,
  table: Table,
  payload: Payload | undefined,
  returning: readonly string[],
  cache: SchemaCache,
): WritePlan {
  const { query, preferences } = request
  switch (request.action) {
    case 'insert':
      return planInsert(table, query, payload!, preferences, returning, cache)
    case 'put':
      return planPut(table, query, payload!, preferences, returning, cache)
    case 'update':
      return planUpdate(table, query, payload!, preferences, returning, cache)
    default:
      return planDelete(table, query, returning, cache)
  }
}

/** `payload` is absent for GET and HEAD. */
export function planCall(request: Request, name: string, payload: Payload | undefined, cache: SchemaCache, settings: PlanSettings): Plan {
  const wanted = callRequest(request, name, payload)
  const routine = findRoutine(cache, wanted)
  checkMaxAffected(request.preferences, routine)
  const result: Name = isScalar(routine) ? { schema: '', name: SOURCE } : routine.returns.type
  const read = planRead(
    request.query,
    { table: result, ref: SOURCE, filters: true, window: request.window },
    contextOf(request, cache, settings),
  )
  const call: CallPlan = {
    routine,
    computed: isScalar(routine) ? [] : computedColumns(read.root),
    args: payload === undefined ? valueArguments(routine, request.query.args) : bodyArguments(routine, payload, wanted),
  }
  const { form, type } = negotiate(cache, {
    accepted: request.accepted,
    subject: isScalar(routine) ? routine : result,
    routine,
    defaultSelect: read.defaultSelect,
    planEnabled: settings.planEnabled,
  })
  const readOnly = request.method !== 'POST' || routine.volatility !== 'volatile'
  const bodiless = (request.isHead && type.kind !== 'plan') || routine.returns.kind === 'void'
  return { kind: 'call', request, routine, call, read, form: bodiless ? NO_BODY : form, type, readOnly }
}

export function callRequest(request: Request, name: string, payload: Payload | undefined): CallRequest {
  const base = { schema: request.schema, name }
  if (payload === undefined) return { ...base, names: request.query.args.map(([argument]) => argument), whole: undefined }
  switch (payload.kind) {
    case 'form':
      return { ...base, names: payload.pairs.map(([argument]) => argument), whole: undefined }
    case 'raw':
      return { ...base, names: [], whole: payload.type }
    default:
      return { ...base, names: payload.keys ?? request.query.columns ?? [], whole: payload.native ? 'json' : undefined }
  }
}

function checkMaxAffected({ handling, maxAffected }: Preferences, { returns }: Routine): void {
  if (handling === 'strict' && maxAffected !== undefined && !returns.set) throw new RestError('PGRST128')
}

/** The window that the rows of the answer are numbered by. */
export const windowOfPlan = ({ read }: Plan): Window => read.root.window
