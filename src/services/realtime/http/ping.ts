// GET /api/ping: whether this service knows the tenant of the host.
import type { RealtimeState } from '../state.ts'
import { answerJson } from './answer.ts'
import type { Exchange } from './app.ts'

export async function ping({ req, res }: Exchange, state: RealtimeState): Promise<void> {
  const tenant = await state.tenants.byHost(req.headers.host)
  if (tenant === undefined) return answerJson(res, 401, { message: 'Tenant not found in database' })
  answerJson(res, 200, { message: 'Success' })
}
