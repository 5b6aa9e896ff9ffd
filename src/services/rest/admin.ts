// The admin server: is it alive, is it ready, what does it know, what has it counted.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { State } from './answer.ts'
import type { SchemaCache } from './schema-cache/types.ts'

export interface AdminView {
  readonly state: State
  readonly loading: boolean
  readonly loads: { readonly ok: number; readonly failed: number }
}

export function serveAdmin(req: IncomingMessage, res: ServerResponse, view: AdminView): void {
  const path = (req.url ?? '/').split('?')[0]
  switch (path) {
    case '/live':
      end(res, 200)
      return
    case '/ready':
      end(res, view.state.cache === undefined || view.loading ? 503 : 200)
      return
    case '/schema_cache':
      view.state.cache === undefined ? end(res, 503) : end(res, 200, 'application/json; charset=utf-8', cacheText(view.state.cache))
      return
    case '/metrics':
      end(res, 200, 'text/plain; charset=utf-8', metricsText(view))
      return
    default:
      end(res, 404)
      return
  }
}

function end(res: ServerResponse, status: number, type?: string, body = ''): void {
  const bytes = Buffer.from(body)
  res.writeHead(status, { ...(type !== undefined && { 'Content-Type': type }), 'Content-Length': bytes.length })
  res.end(bytes)
}

const named = (key: string): { qiSchema: string; qiName: string } => {
  const [qiSchema = '', qiName = ''] = key.split('\0')
  return { qiSchema, qiName }
}

function cacheText(cache: SchemaCache): string {
  return JSON.stringify({
    dbTables: [...cache.tables].map(([key, table]) => [named(key), { ...table, columns: Object.fromEntries(table.columns) }]),
    dbRelationships: [...cache.relationships].map(([key, list]) => [named(key), list]),
    dbRoutines: [...cache.routines].map(([key, list]) => [named(key), list]),
    dbRepresentations: [...cache.representations].map(([key, fn]) => [key.split('\0'), fn]),
    dbMediaHandlers: cache.handlers.map((handler) => [handler.mediaType, handler]),
  })
}

function metricsText({ state, loads }: AdminView): string {
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
  metric('pgrst_db_pool_available', 'gauge', 'Available connections in the pool', [['', open - busy]])
  metric('pgrst_db_pool_waiting', 'gauge', 'Requests waiting to acquire a pool connection', [['', waiting]])
  metric('pgrst_db_pool_max', 'gauge', 'Max pool connections', [['', max]])
  metric('pgrst_schema_cache_loads_total', 'counter', 'The total number of times the schema cache was loaded', [
    ['{status="SUCCESS"}', loads.ok],
    ['{status="FAIL"}', loads.failed],
  ])
  metric('pgrst_schema_cache_query_time_seconds', 'gauge', 'The query time in seconds of the last schema cache load', [
    ['', (state.cache?.loadMs ?? 0) / 1_000],
  ])
  metric('pgrst_jwt_cache_requests_total', 'counter', 'The total number of JWT cache lookups', [['', state.auth.requests]])
  metric('pgrst_jwt_cache_hits_total', 'counter', 'The total number of JWT cache hits', [['', state.auth.hits]])
  return `${lines.join('\n')}\n`
}
