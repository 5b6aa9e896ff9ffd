// Counts requests, bytes and times per service and route; the status and admin APIs show them. Upstream: Kong's `prometheus`.
import { z } from 'zod'
import { KongMetrics } from '../metrics/kong-metrics.ts'
import { definePlugin } from '../plugin.ts'

const shown = z.boolean().default(false)

export const prometheus = definePlugin({
  name: 'prometheus',
  priority: 13,
  takesConsumer: false,
  // What 3.x switches off by default is always there here, as in 2.8.
  config: z.strictObject({
    per_consumer: z.boolean().default(false),
    status_code_metrics: shown,
    latency_metrics: shown,
    bandwidth_metrics: shown,
    upstream_health_metrics: shown,
  }),
  phases: ({ per_consumer }, { state }) => {
    const metrics = state.of(KongMetrics)
    return { log: (record) => metrics.count(record, per_consumer) }
  },
})
