// One request, one direction: parse, plan, sql, run, respond. Each room knows its neighbour's result and nothing else.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Cancellation, type Executor } from '../../pg/executor.ts'
import type { Authenticator, Session } from './auth.ts'
import { type RestConfig, VERSION } from './config.ts'
import { RestError } from './errors.ts'
import { type BodyMemory, readBody } from './parse/body.ts'
import { type Payload, parsePayload } from './parse/payload.ts'
import { headerText, parseRequest, type Request } from './parse/request.ts'
import { shapeOf } from './parse/shape.ts'
import { findRoutine } from './plan/call.ts'
import { findTable } from './plan/request.ts'
import type { PlanCache } from './plan-cache.ts'
import { carriesBody, contextOf, type Prepared, prepare } from './prepare.ts'
import type { RequestLog } from './request-log.ts'
import { type Answer, answerOf, checkResult, type HeaderLine, needsCheck } from './respond/answer.ts'
import { answerPreflight, corsHeaders } from './respond/cors.ts'
import { openApiAnswer } from './respond/openapi/answer.ts'
import { refusal, refusalOf } from './respond/refusal.ts'
import { type HeaderNames, requestSettings } from './run/settings.ts'
import type { Transactions } from './run/transaction.ts'
import type { RoleSettings, SchemaCache } from './schema-cache/types.ts'

/** What a request meets; replaced as a whole by a reload. */
export interface State {
  readonly config: RestConfig
  readonly auth: Authenticator
  readonly executor: Executor
  readonly transactions: Transactions
  /** Undefined until the first load. */
  readonly cache: SchemaCache | undefined
  readonly roles: ReadonlyMap<string, RoleSettings>
  readonly plans: PlanCache
  readonly headerNames: HeaderNames
  /** What bodies under way hold, all together. */
  readonly bodies: BodyMemory
  readonly requestLog: RequestLog
  readonly onBug: (error: unknown) => void
}

/** Milliseconds of each room, for Server-Timing. */
interface Timings {
  jwt: number
  parse: number
  plan: number
  transaction: number
  response: number
}

const NO_SESSION = { anonymous: true }

export async function serve(req: IncomingMessage, res: ServerResponse, state: State): Promise<void> {
  const { config } = state
  if (req.method === 'OPTIONS' && answerPreflight(req, res, config.corsOrigins)) return
  const timings: Timings | undefined = config.serverTiming ? { jwt: 0, parse: 0, plan: 0, transaction: 0, response: 0 } : undefined
  const queries: string[] | undefined = config.logQuery ? [] : undefined
  let session: Session | undefined
  let answer: Answer
  let refused = false
  try {
    const started = timings === undefined ? 0 : performance.now()
    const { authorization } = req.headers
    session = state.auth.known(authorization) ?? (await state.auth.authenticate(authorization))
    if (timings !== undefined) timings.jwt = performance.now() - started
    if (state.cache === undefined) throw new RestError('PGRST002')
    const cancellation = new Cancellation()
    res.on('close', () => cancellation.cancel())
    answer = await answerTo(req, res, session, state, state.cache, cancellation, timings, queries)
  } catch (error) {
    refused = true
    const context = { anonymous: (session ?? NO_SESSION).anonymous, verbose: config.verboseErrors }
    const known = refusalOf(error, context)
    if (known === undefined) state.onBug(error)
    answer = known ?? refusal(500, new RestError('PGRSTX00', { words: 'Internal error' }).toJSON(), [], context)
    if (answer.status >= 500 && !res.destroyed) logFailure(answer, error, state)
  }
  // Nobody hears the answer of a client that went away, and it says nothing of the server.
  if (res.destroyed) return
  send(req, res, answer, refused, state, timings)
  const { requestLog } = state
  if (!requestLog.wants(answer.status)) return
  if (queries !== undefined) requestLog.queries(queries)
  requestLog.answered(req, session?.role, answer.status, answer.body?.length)
}

/** The log gets the whole error, also where callers get little of it. */
function logFailure(answer: Answer, error: unknown, { config, requestLog }: State): void {
  const whole = config.verboseErrors ? answer : (refusalOf(error, { anonymous: false, verbose: true }) ?? answer)
  const code = answer.headers.find(([name]) => name === 'Proxy-Status')?.[1].split('error=')[1] ?? ''
  requestLog.failed(code, whole.body?.toString('utf8') ?? '')
}

async function answerTo(
  req: IncomingMessage,
  res: ServerResponse,
  session: Session,
  state: State,
  cache: SchemaCache,
  cancellation: Cancellation,
  timings: Timings | undefined,
  queries: string[] | undefined,
): Promise<Answer> {
  const { config, plans } = state
  const begun = timings === undefined ? 0 : performance.now()
  const shape = req.method === 'OPTIONS' ? undefined : shapeOf(req)
  let prepared: Prepared | undefined
  let payload: Payload | undefined
  if (shape !== undefined) {
    const context = carriesBody(req.method) ? plans.bodyOf(shape) : undefined
    if (context !== undefined) payload = parsePayload(await bodyOf(req, res, state), context)
    if (context !== undefined || !carriesBody(req.method)) prepared = plans.get(shape, payload)
  }
  if (prepared === undefined) {
    const request = parseRequest(req, config.schemas, config.rootSpec)
    if (request.action === 'inspect') return inspect(request, cache)
    if (request.target.kind === 'root') {
      return openApiAnswer(request, session, { config, cache, transactions: state.transactions }, cancellation)
    }
    const context = contextOf(request)
    if (context !== undefined) payload ??= parsePayload(await bodyOf(req, res, state), context)
    const parsed = timings === undefined ? 0 : performance.now()
    prepared = prepare(request, payload, cache, config)
    if (shape !== undefined) {
      const { method, headers } = req
      plans.learn(shape, payload, context, prepared, (url) =>
        prepare(parseRequest({ method, url, headers }, config.schemas, config.rootSpec), payload, cache, config),
      )
    }
    if (timings !== undefined) {
      timings.parse = parsed - begun
      timings.plan = performance.now() - parsed
    }
  }
  const { plan, sql, canonical } = prepared
  const started = timings === undefined ? 0 : performance.now()
  const { settings, isolation } = requestSettings(req, plan, session, state)
  const { preferences } = plan.request
  queries?.push(...state.transactions.texts({ settings, preRequest: config.preRequest, main: sql.main, estimate: sql.estimate }))
  const { main, estimate } = await state.transactions.run(
    {
      readOnly: plan.readOnly,
      isolation,
      settings,
      preRequest: config.preRequest,
      main: sql.main,
      estimate: sql.estimate,
      end: config.txOverride && preferences.tx !== undefined ? preferences.tx : config.txEnd,
      check: needsCheck(plan) ? (result) => checkResult(plan, result) : undefined,
      role: session.role,
      prepare: config.prepared,
    },
    cancellation,
  )
  const ran = timings === undefined ? 0 : performance.now()
  checkResult(plan, main)
  const answer = answerOf(plan, main, estimate, { txOverride: config.txOverride, maxRows: config.maxRows, version: VERSION, canonical })
  if (timings !== undefined) {
    timings.transaction = ran - started
    timings.response = performance.now() - ran
  }
  return answer
}

/** The memory is given back when the answer is out: until then the body may still be on its way to the database. */
function bodyOf(req: IncomingMessage, res: ServerResponse, { bodies }: State): Promise<Buffer> {
  const lease = bodies.lease()
  res.once('close', lease.release)
  return readBody(req, lease)
}

/** OPTIONS: what may be done with a table or a function. */
function inspect(request: Request, cache: SchemaCache): Answer {
  const { target, schema } = request
  let allow = 'OPTIONS,GET,HEAD'
  if (target.kind === 'table') {
    const { insertable, updatable, deletable, primaryKey } = findTable(cache, schema, target.name)
    if (insertable) allow += ',POST'
    if (insertable && updatable && primaryKey.length > 0) allow += ',PUT'
    if (updatable) allow += ',PATCH'
    if (deletable) allow += ',DELETE'
  } else if (target.kind === 'function') {
    const names = request.query.args.map(([name]) => name)
    const { volatility } = findRoutine(cache, { schema, name: target.name, names, whole: undefined })
    allow = volatility === 'volatile' ? 'OPTIONS,POST' : 'OPTIONS,GET,HEAD,POST'
  }
  return {
    status: 200,
    headers: [
      ['Access-Control-Allow-Origin', '*'],
      ['Allow', allow],
    ],
    body: Buffer.alloc(0),
  }
}

const SERVER = `postgrest/${VERSION}`

function send(
  req: IncomingMessage,
  res: ServerResponse,
  answer: Answer,
  refused: boolean,
  state: State,
  timings: Timings | undefined,
): void {
  const { config } = state
  const lines: string[] = []
  let varies = refused
  for (const [name, value] of answer.headers) {
    lines.push(name, headerBytes(value))
    if (name.toLowerCase() === 'vary') varies = true
  }
  if (!varies) lines.push('Vary', 'Accept, Prefer, Range')
  const { origin } = req.headers
  if (origin !== undefined) append(lines, corsHeaders(origin, config.corsOrigins), answer.headers)
  if (timings !== undefined && !refused) lines.push('Server-Timing', timingText(timings))
  if (config.traceHeader !== undefined) {
    const trace = headerText(req.headers[config.traceHeader.toLowerCase()])
    if (trace !== undefined) lines.push(config.traceHeader, headerBytes(trace))
  }
  lines.push('Server', SERVER)
  const { body, status } = answer
  if (body !== undefined && status !== 204) lines.push('Content-Length', String(body.length))
  if (answer.statusText === undefined) res.writeHead(status, lines)
  else res.writeHead(status, answer.statusText.replace(/[^\t\x20-\x7e\x80-\xff]/g, ' '), lines)
  if (body === undefined || status === 204 || req.method === 'HEAD') res.end()
  else res.end(body)
  // A body that was refused unread is drained, so that the connection stays usable.
  if (!req.readableEnded) req.resume()
}

function append(lines: string[], more: readonly (readonly [string, string])[], existing: readonly HeaderLine[]): void {
  const taken = new Set(existing.map(([name]) => name.toLowerCase()))
  for (const [name, value] of more) if (!taken.has(name.toLowerCase())) lines.push(name, value)
}

/** UTF-8 as the Latin-1 that Node writes; what may not stand in a header becomes a space. */
function headerBytes(value: string): string {
  if (/^[\t\x20-\x7e]*$/.test(value)) return value
  return Buffer.from(value, 'utf8')
    .toString('latin1')
    .replace(/[^\t\x20-\x7e\x80-\xff]/g, ' ')
}

function timingText(timings: Timings): string {
  return Object.entries(timings)
    .map(([name, value]) => `${name};dur=${value.toFixed(1)}`)
    .join(', ')
}
