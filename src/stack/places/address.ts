// A service that runs elsewhere: asked for its health, never started or stopped.
import { request } from 'undici'
import type { RunningService, ServiceContext } from '../../service/definition.ts'
import type { NodeDescription } from '../description.ts'

const TIMEOUT_MS = 5_000

/** Reached under the node's names at the origin of `url`; healthy while `url` answers anything below 500. */
export function serviceElsewhere(node: NodeDescription, url: string, { dispatcher }: ServiceContext): RunningService {
  const withdraw = dispatcher.registerAddress([node.name, ...node.aliases], undefined, new URL(url).origin)
  return {
    endpoints: [],
    async health() {
      const answer = await request(url, { headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS })
      await answer.body.dump()
      if (answer.statusCode >= 500) throw new Error(`${url} answers ${answer.statusCode}`)
    },
    stop: async () => withdraw(),
  }
}
