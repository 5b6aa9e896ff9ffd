// The admin server: is it alive, is it ready, what does it know, what has it counted, and where asked for what it is set to.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { State } from './answer.ts'
import type { JwtCacheCounts } from './auth.ts'
import { cacheText } from './dump-schema.ts'

export interface AdminView {
  readonly state: State
  readonly loads: { readonly ok: number; readonly failed: number }
  readonly jwtCache: JwtCacheCounts
  /** Rejects when the API's own socket takes no connection. */
  reach(): Promise<void>
  /** Whether what is known is up to date and the database is there. */
  isReady(): Promise<boolean>
  /** The settings in force without secrets; undefined where they are not to be shown. */
  configText(): string | undefined
}

export async function serveAdmin(req: IncomingMessage, res: ServerResponse, view: AdminView): Promise<void> {
  const path = (req.url ?? '/').split('?')[0]
  switch (path) {
    case '/live':
      end(res, (await isReachable(view)) ? 200 : 500)
      return
    case '/ready':
      end(res, !(await isReachable(view)) ? 500 : (await view.isReady()) ? 200 : 503)
      return
    case '/schema_cache':
      if (view.state.cache === undefined) end(res, 503)
      else end(res, 200, 'application/json; charset=utf-8', cacheText(view.state.cache))
      return
    case '/metrics':
      end(res, 200, 'text/plain; charset=utf-8', metricsText(view))
      return
    case '/config': {
      const text = view.configText()
      if (text === undefined) end(res, 404)
      else end(res, 200, 'text/plain; charset=utf-8', text)
      return
    }
    default:
      end(res, 404)
      return
  }
}

const isReachable = (view: AdminView): Promise<boolean> =>
  view.reach().then(
    () => true,
    () => false,
  )

function end(res: ServerResponse, status: number, type?: string, body = ''): void {
  if (res.destroyed) return
  const bytes = Buffer.from(body)
  res.writeHead(status, { ...(type !== undefined && { 'Content-Type': type }), 'Content-Length': bytes.length })
  res.end(bytes)
}

function metricsText({ state, loads, jwtCache }: AdminView): string {
  const { max, open, busy, waiting, timeouts } = state.executor.stats()
  const lines: string[] = []
  const metric = (
    name: string,
    type: 'counter' | 'gauge',
    help: string,
    samples: readonly (readonly [labels: string, value: number])[],
  ): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples.map(([labels, value]) => `${name}${labels} ${value}`))
  }
  metric('pgrst_db_pool_timeouts_total', 'counter', 'The total number of pool connection timeouts', [['', timeouts]])
  metric('pgrst_db_pool_available', 'gauge', 'Available connections in the pool', [['', Math.max(0, open - busy)]])
  metric('pgrst_db_pool_waiting', 'gauge', 'Requests waiting to acquire a pool connection', [['', waiting]])
  metric('pgrst_db_pool_max', 'gauge', 'Max pool connections', [['', max]])
  metric('pgrst_schema_cache_loads_total', 'counter', 'The total number of times the schema cache was loaded', [
    ['{status="SUCCESS"}', loads.ok],
    ['{status="FAIL"}', loads.failed],
  ])
  metric('pgrst_schema_cache_query_time_seconds', 'gauge', 'The query time in seconds of the last schema cache load', [
    ['', (state.cache?.loadMs ?? 0) / 1_000],
  ])
  metric('pgrst_jwt_cache_requests_total', 'counter', 'The total number of JWT cache lookups', [['', jwtCache.requests]])
  metric('pgrst_jwt_cache_hits_total', 'counter', 'The total number of JWT cache hits', [['', jwtCache.hits]])
  metric('pgrst_jwt_cache_evictions_total', 'counter', 'The total number of JWT cache evictions', [['', jwtCache.evictions]])
  return `${lines.join('\n')}\n`
}
