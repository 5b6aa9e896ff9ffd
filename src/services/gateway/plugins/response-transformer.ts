// Changes headers and JSON bodies of answers. Upstream: Kong's `response-transformer`.
import { z } from 'zod'
import { wholeBody } from '../body-filter.ts'
import { byteString, headerValue } from '../bytes.ts'
import { definePlugin } from '../plugin.ts'
import type { ResponseHead } from '../response-head.ts'

/** `name:value`, split at the first colon. */
const entry = z.string().transform((source, ctx) => {
  const [, name = '', value = ''] = /^([^:]+):*([\s\S]*)$/.exec(source) ?? []
  if (name !== '') return { name: name.trim(), key: name.trim().toLowerCase(), value: headerValue(byteString(value.trim())), text: value }
  ctx.addIssue({ code: 'custom', message: 'expected name:value' })
  return z.NEVER
})
type Entry = z.output<typeof entry>

const headers = z.array(entry).default([])
const changes = z
  .strictObject({
    headers,
    json: z.array(entry).default([]),
    /** By position: how the value at the same place in `json` is meant. */
    json_types: z.array(z.enum(['boolean', 'number', 'string'])).default([]),
  })
  .prefault({})
const config = z.strictObject({
  remove: z.strictObject({ headers: z.array(z.string()).default([]), json: z.array(z.string()).default([]) }).prefault({}),
  rename: z.strictObject({ headers }).prefault({}),
  replace: changes,
  add: changes,
  append: changes,
})
type Config = z.output<typeof config>

/** A body over this size passes as it is. */
const MAX_BODY_BYTES = 10 * 1024 * 1024

export const responseTransformer = definePlugin({
  name: 'response-transformer',
  priority: 800,
  config,
  phases: (config) => {
    const { remove, rename, replace, add, append } = config
    const removed = remove.headers.map((name) => name.toLowerCase())
    const change = bodyChange(config)
    return {
      headers: ({ replayed }, head) => {
        if (replayed) return
        const { headers } = head
        for (const key of removed) headers.remove(key)
        for (const { key, value } of rename.headers) {
          const values = headers.all(key)
          headers.remove(key)
          for (const one of values) headers.append(value, one)
        }
        for (const { name, key, value } of replace.headers) if (headers.has(key)) headers.set(name, value)
        for (const { name, key, value } of add.headers) if (!headers.has(key)) headers.set(name, value)
        for (const { name, value } of append.headers) headers.append(name, value)
        // The new length is known when the whole body is; the tag was that of the old one.
        if (change && isJson(head)) for (const key of ['content-length', 'etag', 'content-md5', 'digest']) headers.remove(key)
      },
      body: change && (({ replayed }, head) => (!replayed && isJson(head) ? wholeBody(MAX_BODY_BYTES, change) : undefined)),
    }
  },
})

/** What is encoded cannot be read here, and passes. */
function isJson({ headers }: ResponseHead): boolean {
  const encoding = headers.get('content-encoding')?.toLowerCase()
  return (
    (encoding === undefined || encoding === 'identity') &&
    (headers.get('content-type')?.toLowerCase().includes('application/json') ?? false)
  )
}

type Change = (fields: Map<string, unknown>) => void

/** Undefined when no list says anything about bodies. */
function bodyChange({ remove, replace, add, append }: Config): ((body: Buffer) => Buffer) | undefined {
  const each = (list: Config['add'], act: (fields: Map<string, unknown>, name: string, value: unknown) => void): Change[] =>
    list.json.map((item, i) => (fields: Map<string, unknown>) => act(fields, item.name, typed(item, list.json_types[i])))
  const changes: Change[] = [
    ...remove.json.map((name) => (fields: Map<string, unknown>) => void fields.delete(name)),
    ...each(replace, (fields, name, value) => void (fields.has(name) && fields.set(name, value))),
    ...each(add, (fields, name, value) => void (fields.has(name) || fields.set(name, value))),
    ...each(append, (fields, name, value) => void fields.set(name, appended(fields.get(name), value))),
  ]
  if (changes.length === 0) return undefined
  return (body) => {
    const parsed = parse(body)
    if (parsed === undefined) return body
    const fields = new Map<string, unknown>(Object.entries(parsed))
    for (const change of changes) change(fields)
    return Buffer.from(JSON.stringify(Object.fromEntries(fields)))
  }
}

/** What is no JSON object passes as it is. */
function parse(body: Buffer): object | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    // Upstream breaks such an answer off; here the service's own words pass.
    return undefined
  }
}

function typed({ text }: Entry, type: 'boolean' | 'number' | 'string' | undefined): unknown {
  if (type === 'boolean') return text === 'true'
  if (type === 'number') return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text
  return text
}

function appended(before: unknown, value: unknown): unknown {
  if (Array.isArray(before)) return [...before, value]
  return typeof before === 'string' ? [before, value] : [value]
}
