// Asks servers from time to time whether they are well, and takes those that are not out of the round.
import { HeaderTable } from '../../header-table.ts'
import type { HealthCheckConfig } from '../config/dynamic.ts'
import type { ServerTarget } from '../forward.ts'
import type { Fetch } from '../middlewares/middleware.ts'
import type { Server } from './server.ts'

const MAX_ANSWER_BYTES = 64 * 1024
const MAX_REDIRECTS = 10

/** Returns what ends the checks. */
export function checkHealth(servers: readonly Server[], config: HealthCheckConfig, fetch: Fetch, tlsVerify: boolean): () => void {
  const ended = new AbortController()
  const timers = new Set<NodeJS.Timeout>()
  const plan = (server: Server) => {
    const pause = server.up ? config.interval : (config.unhealthyInterval ?? config.interval)
    const timer = setTimeout(
      () => {
        timers.delete(timer)
        probe(server.target, config, fetch, tlsVerify, ended.signal).then(
          (up) => {
            if (ended.signal.aborted) return
            server.up = up
            plan(server)
          },
          () => undefined,
        )
      },
      Math.max(pause, 10),
    )
    timer.unref()
    timers.add(timer)
  }
  for (const server of servers) plan(server)
  return () => {
    ended.abort()
    for (const timer of timers) clearTimeout(timer)
  }
}

async function probe(
  target: ServerTarget,
  config: HealthCheckConfig,
  fetch: Fetch,
  tlsVerify: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  let url = new URL(config.path ?? '/', target.url)
  if (config.scheme) url.protocol = `${config.scheme}:`
  if (config.port) url.port = String(config.port)
  const headers = HeaderTable.fromRaw(['Host', config.hostname ?? url.host])
  for (const [name, value] of Object.entries(config.headers ?? {})) headers.set(name, value)
  try {
    for (let hops = 0; ; hops++) {
      const { status, headers: lines } = await fetch(url, {
        method: config.method ?? 'GET',
        headers: headers.toRaw(),
        body: Buffer.alloc(0),
        timeoutMs: config.timeout,
        maxBytes: MAX_ANSWER_BYTES,
        tlsVerify,
        signal,
      })
      const location = status >= 300 && status < 400 ? HeaderTable.fromRaw(lines).get('location') : undefined
      if (config.followRedirects && location !== undefined && hops < MAX_REDIRECTS && URL.canParse(location, url.href)) {
        url = new URL(location, url)
        headers.set('Host', url.host)
        continue
      }
      return config.status ? status === config.status : status >= 200 && status < 400
    }
  } catch {
    // A server that gives no answer is not well: that is what was asked.
    return false
  }
}
