// A request of the S3 protocol, from its arrival to its answer: target -> who asks -> which operation -> run -> respond.
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Handler } from '../../../http/handler.ts'
import type { StorageContext } from '../context.ts'
import { Authoriser, type Verified } from './authorise.ts'
import { payloadOf, payloadRules } from './chunked/payload.ts'
import type { Answer, Asked, Exchange, Operation } from './exchange.ts'
import { isForm, readForm } from './form.ts'
import { refusals } from './refusals.ts'
import { refuse, send } from './respond.ts'
import { operationFor } from './route.ts'
import { decodeLeniently, queryOf, splitTarget, type Target } from './uri.ts'

const BASE = '/s3'

/** Whether the request is one for this protocol. */
export const isS3 = (url: string): boolean =>
  url.startsWith(BASE) && (url.length === BASE.length || url[BASE.length] === '/' || url[BASE.length] === '?')

interface State {
  readonly ctx: StorageContext
  readonly authoriser: Authoriser
  readonly finishing: Set<string>
}

export function s3Handler(ctx: StorageContext): Handler {
  const state: State = { ctx, authoriser: new Authoriser(ctx), finishing: new Set() }
  return (request, response) => {
    // A client that goes away is noticed by the end of its connection; the error that comes with it is nobody's.
    request.on('error', () => {})
    // Whatever rejects here is a bug of `answer`'s own: it ends this request.
    answer(state, request, response).catch((error: unknown) => {
      ctx.log.error({ err: error }, 'a request of the S3 protocol failed')
      response.destroy()
    })
  }
}

async function answer(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { ctx } = state
  const began = performance.now()
  const target = splitTarget(request.url ?? '/')
  const asked = askedOf(request, target)
  const requestId = requestIdOf(ctx, request)
  const gone = new AbortController()
  const operation = operationFor(asked)
  let status: number
  response.setHeader('x-amz-request-id', requestId)
  response.once('close', () => {
    if (!response.writableFinished) gone.abort()
  })
  try {
    const result = await run(state, request, target, asked, operation, requestId, gone.signal)
    status = result.status
    send(request, response, result)
  } catch (error) {
    const resource = [asked.bucket, asked.key].filter((part) => part !== '').join('/')
    status = refuse(request, response, error, { log: ctx.log, requestId, resource }).status
  }
  ctx.metrics.answered(asked.method, operation?.name ?? '', status, (performance.now() - began) / 1_000)
}

async function run(
  { ctx, authoriser, finishing }: State,
  request: IncomingMessage,
  target: Target,
  asked: Asked,
  operation: Operation | undefined,
  requestId: string,
  signal: AbortSignal,
): Promise<Answer> {
  const common = { ...asked, ctx, finishing, region: authoriser.rules.region, signal }
  const verified = await authoriser.request(request, target)
  const callAs = ({ caller }: Pick<Verified, 'caller'>) => ({
    caller,
    operation: operation?.name ?? '',
    request: { id: requestId, method: asked.method, path: request.url ?? '/', headers: request.headers },
  })
  if (verified !== undefined) {
    if (operation === undefined) return { status: 404 }
    const rules = payloadRules(verified.claim, verified.key, request.headers)
    const exchange: Exchange = {
      ...common,
      call: callAs(verified),
      payloadRules: rules,
      payload: () => payloadOf(request, rules),
      form: undefined,
    }
    return operation.run(exchange)
  }
  if (operation === undefined || !isForm(asked)) throw refusals.accessDenied('Missing signature')
  const form = await readForm(request)
  try {
    const { caller, range } = await authoriser.form(form.fields, asked.bucket)
    return await operation.run({
      ...common,
      call: callAs({ caller }),
      payloadRules: { chunks: undefined, size: undefined, sha256: undefined, checksums: new Map() },
      payload: () => payloadOf(request, { chunks: undefined, size: undefined, sha256: undefined, checksums: new Map() }),
      form: { ...form, minSize: range?.min ?? 0, maxSize: range?.max ?? Number.POSITIVE_INFINITY },
    })
  } finally {
    form.close()
  }
}

/** `/s3/bucket/any/key`: the key is what comes behind the bucket, a final slash too. */
function askedOf(request: IncomingMessage, target: Target): Asked {
  const rest = target.path.slice(BASE.length + 1)
  const at = rest.indexOf('/')
  return {
    method: request.method ?? 'GET',
    bucket: decodeLeniently(at < 0 ? rest : rest.slice(0, at)),
    key: at < 0 ? '' : decodeLeniently(rest.slice(at + 1)),
    query: queryOf(target.pairs),
    headers: request.headers,
  }
}

function requestIdOf({ config }: StorageContext, { headers }: IncomingMessage): string {
  const given = headers[config.traceHeader ?? 'sb-request-id'] ?? headers['x-request-id']
  return typeof given === 'string' && /^[\x21-\x7e]{1,200}$/.test(given) ? given : randomUUID()
}
