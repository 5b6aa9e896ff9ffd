// How the health of an upstream's targets is found out: by asking them, and by what becomes of requests. A count of 0 is a check that is off.
import { z } from 'zod'
import { between, headerName, text } from './fields.ts'

const counter = between(0, 255).default(0)
const seconds = z
  .number({ error: () => 'expected a number' })
  .refine((value) => value >= 0 && value <= 65_535, { error: 'value should be between 0 and 65535' })
const statuses = (defaults: readonly number[]) => z.array(between(100, 999)).default([...defaults])
const kind = z.enum(['http', 'https', 'tcp', 'grpc', 'grpcs']).default('http')

const PASSIVE_HEALTHY = [200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 306, 307, 308]

const active = z
  .strictObject({
    type: kind.refine((value) => !value.startsWith('grpc'), 'checks by grpc are not served here: http, https and tcp are'),
    timeout: seconds.default(1),
    concurrency: between(1, 2_147_483_648).default(10),
    http_path: z.string().regex(/^\//, 'should start with: /').default('/'),
    https_sni: text.optional(),
    https_verify_certificate: z.boolean().default(true),
    headers: z.record(headerName, z.array(z.string())).optional(),
    healthy: z.strictObject({ interval: seconds.default(0), http_statuses: statuses([200, 302]), successes: counter }).prefault({}),
    unhealthy: z
      .strictObject({
        interval: seconds.default(0),
        http_statuses: statuses([429, 404, 500, 501, 502, 503, 504, 505]),
        tcp_failures: counter,
        timeouts: counter,
        http_failures: counter,
      })
      .prefault({}),
  })
  .prefault({})

const passive = z
  .strictObject({
    type: kind,
    healthy: z.strictObject({ http_statuses: statuses(PASSIVE_HEALTHY), successes: counter }).prefault({}),
    unhealthy: z
      .strictObject({ http_statuses: statuses([429, 500, 503]), tcp_failures: counter, timeouts: counter, http_failures: counter })
      .prefault({}),
  })
  .prefault({})

export const healthchecks = z
  .strictObject({
    threshold: z
      .number({ error: () => 'expected a number' })
      .refine((value) => value >= 0 && value <= 100, { error: 'value should be between 0 and 100' })
      .default(0),
    active,
    passive,
  })
  .prefault({})

export type Healthchecks = z.output<typeof healthchecks>
