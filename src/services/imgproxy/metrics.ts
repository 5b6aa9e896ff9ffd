// Metrics for Prometheus under upstream's names, on a port of their own.
import { createRequire } from 'node:module'
import type * as PromClient from 'prom-client'
import type { Handler } from '../../http/handler.ts'
import type { ImagePool } from './pool/pool.ts'

export class ImgproxyMetrics {
  /** Loaded only where metrics are: it takes longer than the rest of a start. */
  readonly #client = createRequire(import.meta.url)('prom-client') as typeof PromClient
  readonly #registry = new this.#client.Registry()
  readonly #requests: PromClient.Counter
  readonly #statuses: PromClient.Counter
  readonly #errors: PromClient.Counter
  readonly #durations: PromClient.Histogram

  constructor(namespace: string, workers: number, pool: ImagePool, inFlight: () => number) {
    const { Counter, Gauge, Histogram } = this.#client
    const registers = [this.#registry]
    const name = (plain: string): string => (namespace === '' ? plain : `${namespace}_${plain}`)
    this.#requests = new Counter({ name: name('requests_total'), help: 'A counter of the total number of HTTP requests', registers })
    this.#statuses = new Counter({
      name: name('status_codes_total'),
      help: 'A counter of the response status codes',
      labelNames: ['status'],
      registers,
    })
    this.#errors = new Counter({
      name: name('errors_total'),
      help: 'A counter of the occurred errors separated by type',
      labelNames: ['type'],
      registers,
    })
    this.#durations = new Histogram({
      name: name('request_duration_seconds'),
      help: 'A histogram of the response latency',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    })
    const gauge = (plain: string, help: string, read: () => number): void => {
      new Gauge({
        name: name(plain),
        help,
        registers,
        collect() {
          this.set(read())
        },
      })
    }
    gauge('workers', 'A gauge of the number of running workers', () => workers)
    gauge('requests_in_progress', 'A gauge of the number of requests currently being in progress', inFlight)
    gauge('images_in_progress', 'A gauge of the number of images currently being in progress', () => pool.load.running)
  }

  observe(status: number, seconds: number): void {
    this.#requests.inc()
    this.#statuses.inc({ status: String(status) })
    this.#durations.observe(seconds)
  }

  failed(type: string): void {
    this.#errors.inc({ type })
  }

  readonly handle: Handler = (_, res) => {
    this.#registry.metrics().then(
      (text) => res.writeHead(200, { 'Content-Type': this.#registry.contentType }).end(text),
      () => res.writeHead(500).end(),
    )
  }
}
