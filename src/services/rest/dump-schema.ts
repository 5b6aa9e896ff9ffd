// The schema cache as JSON, for `/schema_cache` and `--dump-schema`: the groups and keys of upstream, a structure of our own within.
import type { SchemaCache } from './schema-cache/types.ts'

const named = (key: string): { qiName: string; qiSchema: string } => {
  const [qiSchema = '', qiName = ''] = key.split('\0')
  return { qiName, qiSchema }
}

export function cacheText(cache: SchemaCache): string {
  return JSON.stringify({
    dbTables: [...cache.tables].map(([key, table]) => [named(key), { ...table, columns: Object.fromEntries(table.columns) }]),
    dbRelationships: [...cache.relationships].map(([key, list]) => [named(key), list]),
    dbRoutines: [...cache.routines].map(([key, list]) => [named(key), list]),
    dbRepresentations: [...cache.representations].map(([key, fn]) => [key.split('\0'), fn]),
    dbMediaHandlers: cache.handlers.map((handler) => [handler.mediaType, handler]),
  })
}
