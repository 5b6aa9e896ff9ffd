// [storage]: the storage service and the buckets that a project declares.
import { bool, list, literalIssue, named, size, table, text, uint } from './fields.ts'

const BUCKET_NAME = /^(\w|!|-|\.|\*|'|\(|\)| |&|\$|@|=|;|:|\+|,|\?)*$/

const bucket = table({
  public: bool.default(false),
  /** Absent: the limit of [storage]. */
  file_size_limit: size.optional(),
  allowed_mime_types: list.optional(),
  objects_path: text.optional(),
})

export const storage = table({
  enabled: bool,
  file_size_limit: size,
  image_transformation: table({ enabled: bool.default(false) }).optional(),
  s3_protocol: table({ enabled: bool.default(true) }).default({ enabled: true }),
  buckets: named(bucket)
    .default({})
    .superRefine((buckets, ctx) => {
      for (const name of Object.keys(buckets)) {
        if (BUCKET_NAME.test(name)) continue
        ctx.addIssue(
          literalIssue(
            `Invalid Bucket name: ${name}. Only lowercase letters, numbers, dots, hyphens, and spaces are allowed. (${BUCKET_NAME.source})`,
          ),
        )
      }
    }),
  analytics: table({
    enabled: bool.default(false),
    max_namespaces: uint.optional(),
    max_tables: uint.optional(),
    max_catalogs: uint.optional(),
    buckets: named(table({})).default({}),
  }).optional(),
  vector: table({
    enabled: bool.default(false),
    max_buckets: uint.optional(),
    max_indexes: uint.optional(),
    buckets: named(table({})).default({}),
  }).optional(),
})
