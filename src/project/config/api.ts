// [api]: REST and the gateway.
import { bool, list, port, table, text, uint } from './fields.ts'

export const api = table({
  enabled: bool,
  port,
  schemas: list,
  extra_search_path: list,
  max_rows: uint,
  auto_expose_new_tables: bool.optional(),
  external_url: text.optional(),
  tls: table({ enabled: bool.default(false), cert_path: text.optional(), key_path: text.optional() }),
})
