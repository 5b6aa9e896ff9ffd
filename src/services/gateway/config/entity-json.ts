// Entities as Kong's admin API and its logs show them: every field with its default, null where there is none, references by id.
import { z } from 'zod'
import type { Plugin } from '../plugin.ts'
import { type Entity, type KindName, kinds } from './entities.ts'

export type Represent = (kind: KindName, entity: Entity<object>) => Record<string, unknown>

/** `now`: seconds, for entities that do not say when they were made. */
export function representer(plugins: ReadonlyMap<string, Plugin>, now: number): Represent {
  const fieldNames = new Map<KindName, readonly string[]>()
  const namesOf = (kind: KindName): readonly string[] => {
    const names = fieldNames.get(kind) ?? shapeOf(kinds[kind].schema)
    fieldNames.set(kind, names)
    return names
  }
  return (kind, { id, fields, links }) => {
    const given = new Map<string, unknown>(Object.entries(fields))
    const shown: [string, unknown][] = [['id', id]]
    for (const name of namesOf(kind)) {
      if (name === 'id') continue
      if (Object.hasOwn(kinds[kind].references, name)) shown.push([name, links[name] === undefined ? null : { id: links[name] }])
      else if (kind === 'plugins' && name === 'config') shown.push([name, pluginConfig(plugins, fields as PluginFields)])
      else if (name === 'created_at') shown.push([name, given.get(name) ?? now])
      else if (name === 'updated_at') {
        // Credentials have none.
        if (given.has(name) || DATED.has(kind)) shown.push([name, given.get(name) ?? now])
      } else shown.push([name, given.get(name) ?? null])
    }
    return Object.fromEntries(shown)
  }
}

interface PluginFields {
  readonly name: string
  readonly config?: unknown
}

const DATED: ReadonlySet<KindName> = new Set(['services', 'routes'])

/** With the defaults of the plugin, as far as it keeps the form in which they are written. */
function pluginConfig(plugins: ReadonlyMap<string, Plugin>, { name, config }: PluginFields): unknown {
  const written = typeof config === 'object' && config !== null ? config : {}
  const schema = plugins.get(name)?.config
  if (!schema) return written
  const checked = schema.safeParse(written)
  if (!checked.success || typeof checked.data !== 'object' || checked.data === null) return written
  const plain = Object.entries(checked.data).filter(([, value]) => isPlain(value))
  return { ...Object.fromEntries(shapeOf(schema).map((field) => [field, null])), ...Object.fromEntries(plain), ...written }
}

/** What a plugin turned its text into (a template, a pattern) is not shown. */
function isPlain(value: unknown): boolean {
  if (typeof value === 'function') return false
  if (Array.isArray(value)) return value.every(isPlain)
  if (typeof value !== 'object' || value === null) return true
  return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(isPlain)
}

/** Names of an object's fields, through refinements and pipes. */
function shapeOf(schema: z.ZodType): readonly string[] {
  if (schema instanceof z.ZodObject) return Object.keys(schema.shape)
  if (schema instanceof z.ZodPipe) return shapeOf(schema.in as z.ZodType)
  return []
}
