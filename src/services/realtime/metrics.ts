// What Prometheus is told, by upstream's names. Counts lie in the tenants and are read when somebody asks; only distributions are kept here.
import { Gauge, Histogram, Registry } from 'prom-client'
import type { Measured, Tenant, Timed } from './tenants/tenant.ts'

export interface Metrics {
  readonly measured: Measured
  readonly contentType: string
  text(): Promise<string>
}

const TIMED: Readonly<Record<Timed, string>> = {
  read: 'realtime_tenants_read_authorization_check',
  write: 'realtime_tenants_write_authorization_check',
  replay: 'realtime_tenants_replay',
}
const MILLISECONDS = [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000]
const BYTES = [250, 500, 1_000, 3_000, 5_000, 10_000, 25_000, 100_000, 500_000, 1_000_000, 3_000_000]

type Value = (tenant: Tenant) => number
/** Each also as `realtime_channel_global_…`, without the tenant. */
const CHANNEL_COUNTS: readonly (readonly [name: string, value: Value])[] = [
  ['joins', ({ counts }) => counts.joins],
  ['events', ({ counts }) => counts.events],
  ['presence_events', ({ counts }) => counts.presenceEvents],
  ['db_events', ({ counts }) => counts.changes],
  ['input_bytes', ({ counts }) => counts.inputBytes],
  ['output_bytes', ({ counts }) => counts.outputBytes],
]

export function openMetrics(tenants: () => readonly Tenant[]): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const perTenant = (name: string, help: string, value: Value) =>
    new Gauge({
      name,
      help,
      labelNames: ['tenant'],
      registers,
      collect() {
        this.reset()
        for (const tenant of tenants()) this.set({ tenant: tenant.id }, value(tenant))
      },
    })
  const overall = (name: string, help: string, value: Value) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(tenants().reduce((sum, tenant) => sum + value(tenant), 0))
      },
    })
  perTenant('realtime_connections_connected', 'Users connected to this instance', ({ users }) => users.size)
  perTenant('realtime_connections_connected_cluster', 'Users connected to all instances', ({ connectedUsers }) => connectedUsers)
  for (const [name, value] of CHANNEL_COUNTS) {
    perTenant(`realtime_channel_${name}`, `Channels: ${name.replaceAll('_', ' ')}, by tenant`, value)
    overall(`realtime_channel_global_${name}`, `Channels: ${name.replaceAll('_', ' ')}`, value)
  }
  new Gauge({
    name: 'realtime_channel_error',
    help: 'What channels and sockets were refused or ended for, by upstream’s code',
    labelNames: ['tenant', 'code'],
    registers,
    collect() {
      this.reset()
      for (const tenant of tenants()) for (const [code, count] of tenant.errors) this.set({ tenant: tenant.id, code }, count)
    },
  })
  overall('phoenix_channel_joined_total', 'Channels that were joined', ({ counts }) => counts.joins)
  overall('phoenix_connections_active', 'Open sockets', ({ connections }) => connections.size)
  new Gauge({
    name: 'beam_memory_allocated_bytes',
    help: 'Memory of the process',
    registers,
    collect() {
      this.set(process.memoryUsage.rss())
    },
  })
  const sizes = new Histogram({
    name: 'realtime_payload_size',
    help: 'Bytes of payloads',
    labelNames: ['tenant', 'message_type'],
    buckets: BYTES,
    registers,
  })
  const latency = new Histogram({
    name: 'realtime_tenants_broadcast_from_database_latency_committed_at',
    help: 'Milliseconds from the commit of a message in the database to its delivery',
    labelNames: ['tenant'],
    buckets: MILLISECONDS,
    registers,
  })
  const timed = Object.fromEntries(
    Object.entries(TIMED).map(([what, name]) => [
      what,
      new Histogram({ name, help: 'Milliseconds that the database took', labelNames: ['tenant'], buckets: MILLISECONDS, registers }),
    ]),
  ) as Record<Timed, Histogram<'tenant'>>
  return {
    measured: {
      payload: (tenant, kind, bytes) => sizes.observe({ tenant, message_type: kind }, bytes),
      took: (tenant, what, seconds) => timed[what].observe({ tenant }, seconds * 1_000),
      fromDatabase: (tenant, seconds) => latency.observe({ tenant }, Math.max(0, seconds * 1_000)),
    },
    contentType: registry.contentType,
    text: () => registry.metrics(),
  }
}
