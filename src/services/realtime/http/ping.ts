// GET /api/ping: whether this service knows the tenant of the host.
import type { RealtimeState } from '../state.ts'
import { answerJson } from './answer.ts'
import type { Exchange } from './app.ts'
import { tenantOf } from './caller.ts'

export async function ping(exchange: Exchange, state: RealtimeState): Promise<void> {
  if ((await tenantOf(exchange, state)) !== undefined) answerJson(exchange.res, 200, { message: 'Success' })
}
