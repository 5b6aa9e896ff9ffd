// [experimental]: switches without an effect here, and the one that upstream refuses to switch off.
import { z } from 'zod'
import { bool, list, literalIssue, table, text } from './fields.ts'

export const experimental = table({
  orioledb_version: text.optional(),
  s3_host: text.optional(),
  s3_region: text.optional(),
  s3_access_key: text.optional(),
  s3_secret_key: text.optional(),
  webhooks: table({
    enabled: bool.optional().superRefine((value, ctx) => {
      if (value === false) {
        ctx.addIssue(literalIssue('Webhooks cannot be deactivated. [experimental.webhooks] enabled can either be true or left undefined'))
      }
    }),
  }).optional(),
  inspect: table({ rules: z.array(z.record(z.string(), z.unknown())).optional() }).optional(),
  pgdelta: table({
    enabled: bool.optional(),
    declarative_schema_path: text.optional(),
    format_options: text.optional(),
    schema_paths: list.optional(),
  }).optional(),
})
