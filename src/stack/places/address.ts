// A service that runs elsewhere: asked for its health, never started or stopped.
import { request } from 'undici'
import type { RunningService } from '../../service/definition.ts'

const TIMEOUT_MS = 5_000

/** Healthy while it answers anything below 500. */
export function serviceElsewhere(url: string): RunningService {
  return {
    endpoints: [],
    async health() {
      const answer = await request(url, { headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS })
      await answer.body.dump()
      if (answer.statusCode >= 500) throw new Error(`${url} answers ${answer.statusCode}`)
    },
    stop: async () => {},
  }
}
