// GET /metrics: for Prometheus.
import type { RealtimeState } from '../state.ts'
import type { Exchange } from './app.ts'

export async function metrics({ res }: Exchange, state: RealtimeState): Promise<void> {
  const text = await state.metrics.text()
  res.writeHead(200, { 'content-type': state.metrics.contentType, 'content-length': Buffer.byteLength(text) }).end(text)
}
