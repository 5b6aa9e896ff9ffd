// `custom_fields_by_lua` of the log plugins without Lua: a field can be set to a constant or taken away; other chunks are refused.
import { z } from 'zod'
import type { TrafficRecord } from '../record/record.ts'

const CONSTANT = /^\s*return\s+(?:(nil)|(true|false)|(-?\d+(?:\.\d+)?)|"([^"\\]*)"|'([^'\\]*)')\s*;?\s*$/

type Constant = string | number | boolean | undefined

const chunk = z.string().transform((source, ctx): { readonly value: Constant } => {
  const match = CONSTANT.exec(source)
  if (match) {
    const [, nil, truth, number, double, single] = match
    return { value: nil ? undefined : truth ? truth === 'true' : number !== undefined ? Number(number) : (double ?? single) }
  }
  ctx.addIssue({
    code: 'custom',
    message: 'this Lua chunk is not known and cannot be run here; known are those that return a constant or nil',
  })
  return z.NEVER
})

/** Names may lead into the record: `request.headers.x`. */
export const customFields = z.record(z.string().min(1), chunk).default({})
export type CustomFields = z.output<typeof customFields>

/** The text of a record with the fields in it. */
export function written(record: TrafficRecord, custom: CustomFields): string {
  const entries = Object.entries(custom)
  if (entries.length === 0) return JSON.stringify(record)
  const all = JSON.parse(JSON.stringify(record)) as Record<string, unknown>
  for (const [name, { value }] of entries) {
    const steps = name.split('.')
    const last = steps.pop()!
    let at = all
    for (const step of steps) {
      const inner = Object.hasOwn(at, step) ? at[step] : undefined
      const next: Record<string, unknown> = typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {}
      Object.defineProperty(at, step, { value: next, enumerable: true, configurable: true, writable: true })
      at = next
    }
    if (value === undefined) delete at[last]
    else Object.defineProperty(at, last, { value, enumerable: true, configurable: true, writable: true })
  }
  return JSON.stringify(all)
}
