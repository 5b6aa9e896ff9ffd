// Sends one request of pg_net and gathers its answer, within its time and a bound on its size. Names are those of the network: whatever a
// user writes into SQL never reaches a service inside this process.
import { Agent, type Dispatcher, interceptors } from 'undici'

export interface NetRequest {
  readonly id: string
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, unknown>> | null
  readonly body: Buffer | null
  readonly timeout_milliseconds: number
}

/** A row of net._http_response. */
export interface NetResponse {
  readonly status_code: number | null
  readonly content_type: string | null
  readonly headers: Readonly<Record<string, string>> | null
  readonly content: string | null
  readonly timed_out: boolean
  readonly error_msg: string | null
}

const MAX_BODY_BYTES = 8 * 1_048_576
const MAX_TIMEOUT_MS = 600_000
const MAX_REDIRECTS = 10
export const USER_AGENT = 'pg_net/0.19.5'

export function openNetAgent(): Dispatcher {
  return new Agent({ connections: 16, keepAliveTimeout: 4_000 }).compose(interceptors.redirect({ maxRedirections: MAX_REDIRECTS }))
}

/** Rejects only when `signal` is aborted: then the request counts as not sent. */
export async function sendNetRequest(request: NetRequest, agent: Dispatcher, signal: AbortSignal): Promise<NetResponse> {
  const { timeout_milliseconds: limit } = request
  const begun = performance.now()
  if (limit < 1 || limit > MAX_TIMEOUT_MS) {
    return failed(`timeout_milliseconds must be between 1 and ${MAX_TIMEOUT_MS} (pg_net.max_timeout_ms), got ${limit}`)
  }
  const timeout = AbortSignal.timeout(limit)
  try {
    if (!URL.canParse(request.url)) return failed('URL using bad/illegal format or missing URL')
    if (!/^https?:$/.test(new URL(request.url).protocol)) return failed('Unsupported protocol')
    const answer = await agent.request({
      origin: new URL(request.url).origin,
      path: new URL(request.url).pathname + new URL(request.url).search,
      method: request.method.toUpperCase() as Dispatcher.HttpMethod,
      headers: headersOf(request),
      body: request.body,
      headersTimeout: 0,
      bodyTimeout: 0,
      signal: AbortSignal.any([signal, timeout]),
    })
    const content = await bodyOf(answer.body)
    if (content === undefined) return failed(`the response is larger than ${MAX_BODY_BYTES} bytes`)
    const headers = Object.fromEntries(
      Object.entries(answer.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : clean(value ?? '')]),
    )
    return {
      status_code: answer.statusCode,
      content_type: headers['content-type'] ?? null,
      headers,
      content: content || null,
      timed_out: false,
      error_msg: null,
    }
  } catch (error) {
    signal.throwIfAborted()
    if (timeout.aborted) {
      return { ...failed(`Timeout of ${limit} ms reached. Total time: ${(performance.now() - begun).toFixed(6)} ms`), timed_out: true }
    }
    return failed(wordsFor(error))
  }
}

function headersOf({ headers }: NetRequest): Record<string, string> {
  const result: Record<string, string> = { 'user-agent': USER_AGENT }
  for (const [name, value] of Object.entries(headers ?? {})) {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    if (/[\r\n]/.test(name + text)) throw new Error(`header "${name.split(/[\r\n]/)[0]}" contains a carriage return or line feed`)
    result[name.toLowerCase()] = text
  }
  return result
}

async function bodyOf(body: AsyncIterable<Buffer> & { destroy(): unknown }): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) {
      body.destroy()
      return undefined
    }
    chunks.push(chunk)
  }
  return clean(Buffer.concat(chunks).toString('utf8'))
}

/** Postgres' text has no room for a zero character. */
const clean = (text: string): string => text.replaceAll('\0', '')

const failed = (message: string): NetResponse => ({
  status_code: null,
  content_type: null,
  headers: null,
  content: null,
  timed_out: false,
  error_msg: clean(message),
})

/** The words that upstream's HTTP library has for it. */
function wordsFor(error: unknown): string {
  const { code, message } = error as { code?: string; message: string }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return "Couldn't resolve host name"
  if (['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'].includes(code ?? '')) return "Couldn't connect to server"
  if (/CERT|SELF_SIGNED|ERR_TLS/.test(code ?? '')) return 'SSL peer certificate or SSH remote key was not OK'
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET') return 'Server returned nothing (no headers, no data)'
  return message
}
