// Changes the headers of answers. Upstream: Kong's `response-transformer`; its changes of JSON bodies are not served yet and refused.
import { z } from 'zod'
import { byteString, headerValue } from '../bytes.ts'
import { definePlugin } from '../plugin.ts'

const entry = z.string().transform((source, ctx) => {
  const [, name = '', value = ''] = /^([^:]+):*([\s\S]*)$/.exec(source) ?? []
  if (name !== '') return { name: name.trim(), key: name.trim().toLowerCase(), value: headerValue(byteString(value.trim())) }
  ctx.addIssue({ code: 'custom', message: 'expected name:value' })
  return z.NEVER
})
const none = z.array(z.string()).max(0, 'bodies of answers cannot be changed yet').optional()
const json = { json: none, json_types: none }
const entries = z.strictObject({ headers: z.array(entry).default([]), ...json }).prefault({})

export const responseTransformer = definePlugin({
  name: 'response-transformer',
  priority: 800,
  config: z.strictObject({
    remove: z.strictObject({ headers: z.array(z.string()).default([]), json: none }).prefault({}),
    rename: z.strictObject({ headers: z.array(entry).default([]) }).prefault({}),
    replace: entries,
    add: entries,
    append: entries,
  }),
  headers: ({ remove, rename, replace, add, append }) => {
    const removed = remove.headers.map((name) => name.toLowerCase())
    return (_, { headers }) => {
      for (const key of removed) headers.remove(key)
      for (const { key, value } of rename.headers) {
        const values = headers.all(key)
        headers.remove(key)
        for (const one of values) headers.append(value, one)
      }
      for (const { name, key, value } of replace.headers) if (headers.has(key)) headers.set(name, value)
      for (const { name, key, value } of add.headers) if (!headers.has(key)) headers.set(name, value)
      for (const { name, value } of append.headers) headers.append(name, value)
    }
  },
})
