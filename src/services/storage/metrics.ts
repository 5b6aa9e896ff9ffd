// What Prometheus is told, by the names of upstream's registry. Nothing is counted while PROMETHEUS_METRICS_ENABLED is off.
import type { RequestListener } from 'node:http'

export interface Metrics {
  /** An answer has been sent. `operation` as SQL knows it. */
  answered(method: string, operation: string, status: number, seconds: number): void
  uploadStarted(kind: 'standard' | 's3' | 'resumable'): void
  uploadDone(kind: 'standard' | 's3' | 'resumable', outcome: 'success' | 'error'): void
  readonly page: RequestListener | undefined
}

export const noMetrics: Metrics = {
  answered: () => undefined,
  uploadStarted: () => undefined,
  uploadDone: () => undefined,
  page: undefined,
}

/** prom-client is loaded only where it is asked for. */
export async function openMetrics(region: string): Promise<Metrics> {
  const { Counter, Histogram, Registry } = await import('prom-client')
  const registry = new Registry()
  registry.setDefaultLabels({ region })
  const registers = [registry]
  const requests = new Histogram({
    name: 'storage_api_http_request_duration_seconds',
    help: 'Duration of HTTP requests.',
    labelNames: ['method', 'operation', 'status_code'],
    buckets: [0.005, 0.01, 0.05, 0.1, 0.3, 0.5, 1, 3, 5, 10],
    registers,
  })
  const counter = (name: string, help: string) => new Counter({ name, help, labelNames: ['upload_type'], registers })
  const started = counter('storage_api_upload_started', 'Uploads started')
  const outcomes = {
    success: counter('storage_api_upload_success', 'Uploads that succeeded'),
    error: counter('storage_api_upload_error', 'Uploads that failed'),
  }
  return {
    answered: (method, operation, status, seconds) => requests.observe({ method, operation, status_code: String(status) }, seconds),
    uploadStarted: (kind) => started.inc({ upload_type: kind }),
    uploadDone: (kind, outcome) => outcomes[outcome].inc({ upload_type: kind }),
    page: (_req, res) => {
      registry.metrics().then(
        (text) => res.writeHead(200, { 'content-type': registry.contentType }).end(text),
        () => res.writeHead(500).end(),
      )
    },
  }
}
