// [realtime], [studio], [inbucket], [edge_runtime], [analytics]: the services with few keys.
import { bool, literalIssue, named, oneOf, port, table, text, uint } from './fields.ts'

export const realtime = table({
  enabled: bool,
  ip_version: oneOf('IPv4', 'IPv6').default('IPv4'),
  max_header_length: uint.default(4096),
})

export const studio = table({
  enabled: bool,
  port,
  api_url: text,
  openai_api_key: text.optional(),
})

export const inbucket = table({
  enabled: bool,
  port,
  smtp_port: port.optional(),
  pop3_port: port.optional(),
  admin_email: text.default('admin@email.com'),
  sender_name: text.default('Admin'),
})

export const edgeRuntime = table({
  enabled: bool,
  policy: oneOf('per_worker', 'oneshot'),
  inspector_port: port,
  deno_version: uint.superRefine((value, ctx) => {
    if (value === 0) ctx.addIssue(literalIssue('Missing required field in config: edge_runtime.deno_version'))
    else if (value !== 1 && value !== 2) {
      ctx.addIssue(literalIssue(`Failed reading config: Invalid edge_runtime.deno_version: ${value}.`))
    }
  }),
  secrets: named(text).default({}),
})

export const analytics = table({
  enabled: bool,
  port,
  backend: oneOf('postgres', 'bigquery'),
  vector_port: port.optional(),
  gcp_project_id: text.optional(),
  gcp_project_number: text.optional(),
  gcp_jwt_path: text.optional(),
}).superRefine((value, ctx) => {
  if (!value.enabled || value.backend !== 'bigquery') return
  for (const key of ['gcp_project_id', 'gcp_project_number', 'gcp_jwt_path'] as const) {
    if (!value[key]) ctx.addIssue(literalIssue(`Missing required field in config: analytics.${key}`))
  }
})
