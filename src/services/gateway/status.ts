// The status API (KONG_STATUS_LISTEN): whether a configuration is in force, and how busy the gateway is.
import type { Handler } from '../../http/handler.ts'

export interface StatusSource {
  /** Changes with every configuration that is taken over. */
  configurationHash(): string
  requests(): number
}

export function statusHandler(source: StatusSource): Handler {
  return (req, res) => {
    const found = req.method === 'GET' && req.url?.split('?')[0] === '/status'
    const memory = process.memoryUsage()
    const body = found
      ? {
          database: { reachable: true },
          memory: { workers_lua_vms: [], lua_shared_dicts: {}, rss: memory.rss, heap_used: memory.heapUsed },
          server: { total_requests: source.requests() },
          configuration_hash: source.configurationHash(),
        }
      : { message: 'Not found' }
    res.writeHead(found ? 200 : 404, { 'content-type': 'application/json; charset=utf-8', 'access-control-allow-origin': '*' })
    res.end(JSON.stringify(body))
  }
}
