// [functions.SLUG]: one table per edge function. A table without keys is a function with the defaults.
import { z } from 'zod'
import { bool, list, literalIssue, named, table, text } from './fields.ts'

export const FUNCTION_SLUG = /^[A-Za-z][A-Za-z0-9_-]*$/

export function invalidFunctionName(slug: string): string {
  return `Invalid Function name: ${slug}. Must start with at least one letter, and only include alphanumeric characters, underscores, and hyphens. (${FUNCTION_SLUG.source})`
}

const tablesOnly = z.record(z.string(), z.record(z.string(), z.unknown()), {
  error: () => 'must be a table of tables, one for each function:\n\n[functions.hello]\nverify_jwt = true\n',
})

export const functions = tablesOnly
  .pipe(
    named(
      table({
        enabled: bool.default(true),
        verify_jwt: bool.default(true),
        import_map: text.optional(),
        entrypoint: text.optional(),
        static_files: list.default([]),
        env: named(text).optional(),
      }),
    ),
  )
  .superRefine((slugs, ctx) => {
    for (const slug of Object.keys(slugs)) if (!FUNCTION_SLUG.test(slug)) ctx.addIssue(literalIssue(invalidFunctionName(slug)))
  })
