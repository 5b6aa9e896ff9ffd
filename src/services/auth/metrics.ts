// What Prometheus is told, by the names that upstream's exporter gives. Nothing is counted while GOTRUE_METRICS_ENABLED is off.
import type { RequestListener } from 'node:http'

export interface Metrics {
  /** An answer has been sent. `route` is the pattern, never the path: paths hold ids. */
  answered(method: string, route: string, status: number, seconds: number, errorCode: string | undefined): void
  hashing(kind: 'generate' | 'compare', step: 'submitted' | 'completed'): void
  mail(outcome: 'sent' | 'failed' | 'limited'): void
}

export const noMetrics: Metrics = { answered: () => undefined, hashing: () => undefined, mail: () => undefined }

/** The registry and its page. prom-client is loaded only where it is asked for. */
export async function openMetrics(): Promise<{ readonly metrics: Metrics; readonly handle: RequestListener }> {
  const { Counter, Gauge, Histogram, Registry } = await import('prom-client')
  const registers = [new Registry()]
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Counter({ name, help, labelNames: [...labelNames], registers })
  new Gauge({ name: 'gotrue_running', help: 'Whether GoTrue is running (always 1)', registers }).set(1)
  const statuses = counter('http_status_codes_total', 'Number of returned HTTP status codes', ['code', 'http_route'])
  const durations = new Histogram({
    name: 'http_server_request_duration_seconds',
    help: 'Duration of HTTP server requests.',
    labelNames: ['http_request_method', 'http_response_status_code', 'http_route'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
    registers,
  })
  const errors = counter('global_auth_errors_total', 'Number of error codes returned by type and error.', ['type', 'error'])
  const hashes = {
    generate: {
      submitted: counter('gotrue_generate_from_password_submitted_total', 'Number of submitted password hashing attempts'),
      completed: counter('gotrue_generate_from_password_completed_total', 'Number of completed password hashing attempts'),
    },
    compare: {
      submitted: counter('gotrue_compare_hash_and_password_submitted_total', 'Number of submitted password comparisons'),
      completed: counter('gotrue_compare_hash_and_password_completed_total', 'Number of completed password comparisons'),
    },
  }
  const mails = {
    sent: counter('global_auth_email_send_operations_total', 'Number of email send operations'),
    failed: counter('global_auth_email_send_errors_total', 'Number of email send errors'),
    limited: counter('gotrue_email_rate_limit_counter_total', 'Number of times an email rate limit has been triggered'),
  }
  return {
    metrics: {
      answered(method, route, status, seconds, errorCode) {
        statuses.inc({ code: String(status), http_route: route })
        durations.observe({ http_request_method: method, http_response_status_code: String(status), http_route: route }, seconds)
        if (errorCode !== undefined) errors.inc({ type: 'api', error: errorCode })
      },
      hashing: (kind, step) => hashes[kind][step].inc(),
      mail(outcome) {
        mails[outcome].inc()
        if (outcome === 'failed') mails.sent.inc()
      },
    },
    handle: (_req, res) => {
      registers[0]!.metrics().then(
        (text) => res.writeHead(200, { 'content-type': registers[0]!.contentType }).end(text),
        () => res.writeHead(500).end(),
      )
    },
  }
}
