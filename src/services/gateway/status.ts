// The status API (KONG_STATUS_LISTEN): whether a configuration is in force, how busy the gateway is, its metrics, and the health of targets.
import type { Handler } from '../../http/handler.ts'
import { type AdminSource, answer, NOT_FOUND, type Reply } from './admin/source.ts'
import { listUpstreamHealth } from './admin/upstream-health.ts'

export function statusHandler(source: AdminSource): Handler {
  return (req, res) => {
    const path = (req.url ?? '/').split('?')[0]!.replace(/(.)\/+$/, '$1')
    // Nothing here is a secret: a dashboard on another origin may read it.
    res.setHeader('access-control-allow-origin', '*')
    if (req.method !== 'GET' && req.method !== 'HEAD') answer(res, { status: 405, body: { message: 'Method not allowed' } })
    else if (path === '/metrics') answerMetrics(res, source)
    else answer(res, reply(path, source))
  }
}

function reply(path: string, source: AdminSource): Reply {
  if (path === '/status') return { status: 200, body: statusBody(source) }
  if (path === '/status/ready') {
    const reason = source.notReady()
    return reason === undefined ? { status: 200, body: { message: 'ready' } } : { status: 503, body: { message: reason } }
  }
  const health = listUpstreamHealth(path.split('/').filter(Boolean), source)
  return health ? { status: 200, body: health } : NOT_FOUND
}

export function answerMetrics(res: Parameters<Handler>[1], source: AdminSource): void {
  source.metrics().then(
    (text) => res.writeHead(200, { 'content-type': 'text/plain; charset=UTF-8' }).end(text),
    () => res.destroy(),
  )
}

export function statusBody(source: AdminSource): object {
  const memory = process.memoryUsage()
  const { accepted, active, writing, waiting } = source.connections()
  return {
    database: { reachable: true },
    memory: {
      workers_lua_vms: [{ pid: process.pid, http_allocated_gc: `${(memory.heapUsed / 1024 / 1024).toFixed(2)} MiB` }],
      lua_shared_dicts: {},
    },
    server: {
      connections_accepted: accepted,
      connections_handled: accepted,
      connections_active: active,
      connections_reading: 0,
      connections_writing: writing,
      connections_waiting: waiting,
      total_requests: source.requests(),
    },
    configuration_hash: source.configurationHash(),
  }
}
