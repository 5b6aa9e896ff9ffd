// Changes method, path, headers, query and body of the request before the service sees it. Upstream: Kong's `request-transformer`.
import { z } from 'zod'
import { changedBody, type Fields, readFields } from '../body.ts'
import { headerValue } from '../bytes.ts'
import type { Exchange } from '../exchange.ts'
import type { Scopes } from '../expressions/evaluate.ts'
import { ExpressionError } from '../expressions/lexer.ts'
import { compileTemplate, type Template } from '../expressions/template.ts'
import type { Value } from '../expressions/value.ts'
import { normalisePath } from '../path.ts'
import { definePlugin } from '../plugin.ts'
import { QueryTable } from '../query-table.ts'

/** A template as a field of the configuration: one that is not understood refuses the file. */
const template = z.string().transform((source, ctx): Template => {
  try {
    return compileTemplate(source)
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error
    ctx.addIssue({ code: 'custom', message: error.message })
    return z.NEVER
  }
})

interface Entry {
  readonly name: string
  readonly value: Template
}

/** `name:value`, split at the first colon. */
const entry = z.string().transform((source, ctx): Entry => {
  const [, name = '', rest = ''] = /^([^:]+):*([\s\S]*)$/.exec(source) ?? []
  if (name === '') {
    ctx.addIssue({ code: 'custom', message: 'expected name:value' })
    return z.NEVER
  }
  const parsed = template.safeParse(rest)
  if (parsed.success) return { name: name.trim(), value: parsed.data }
  ctx.addIssue({ code: 'custom', message: parsed.error.issues[0]?.message ?? 'invalid template' })
  return z.NEVER
})

const entries = z.array(entry).default([])
const names = z.array(z.string()).default([])
const lists = <Item extends z.ZodType>(item: Item) => z.strictObject({ headers: item, querystring: item, body: item }).prefault({} as never)

const config = z.strictObject({
  http_method: z
    .string()
    .regex(/^[A-Z]+$/, 'invalid value: expected upper case letters')
    .optional(),
  remove: lists(names),
  rename: lists(entries),
  replace: z.strictObject({ headers: entries, querystring: entries, body: entries, uri: template.optional() }).prefault({}),
  add: lists(entries),
  append: lists(entries),
})
type Config = z.output<typeof config>

export const requestTransformer = definePlugin({
  name: 'request-transformer',
  priority: 801,
  config,
  access: (config) => {
    const wantsBody = [config.remove.body, config.rename.body, config.replace.body, config.add.body, config.append.body].some(
      (list) => list.length > 0,
    )
    const formToQuery = config.http_method !== undefined && ['GET', 'HEAD', 'TRACE'].includes(config.http_method)
    const headers = headerChanges(config)
    const query = queryChanges(config)
    const body = fieldChanges(config, 'body')
    return (exchange) => {
      // Every value is made before anything changes: expressions see the request as the plugins before left it.
      const scopes = scopesOf(exchange)
      const path = config.replace.uri?.render(scopes)
      const changeHeaders = headers(scopes)
      const changeQuery = query(scopes)
      const changeBody = wantsBody ? body(scopes) : undefined
      if (path !== undefined) exchange.path = normalisePath(path.startsWith('/') ? path : `/${path}`)
      changeHeaders(exchange)
      if (changeQuery) exchange.changeQuery((table) => changeQuery(table.asFields()))
      if (config.http_method !== undefined) exchange.method = config.http_method
      if (!changeBody && !formToQuery) return undefined
      return readFields(exchange).then((read) => {
        if ('refusal' in read) return read.refusal
        if (!read.fields) return undefined
        if (changeBody) {
          changeBody(read.fields)
          changedBody(exchange, read.fields)
        }
        if (formToQuery) moveFormToQuery(exchange)
        return undefined
      })
    }
  },
})

type Changes<Subject> = (scopes: Scopes) => (subject: Subject) => void

function rendered(list: readonly Entry[], scopes: Scopes): { name: string; value: string }[] {
  return list.map(({ name, value }) => ({ name, value: value.render(scopes) }))
}

function headerChanges({ remove, rename, replace, add, append }: Config): Changes<Exchange> {
  const removed = remove.headers.map((name) => name.toLowerCase())
  return (scopes) => {
    const [renamed, replaced, added, appended] = [rename.headers, replace.headers, add.headers, append.headers].map((list) =>
      rendered(list, scopes).map(({ name, value }) => ({ name, key: name.toLowerCase(), value: headerValue(value.trim()) })),
    ) as [HeaderEntry[], HeaderEntry[], HeaderEntry[], HeaderEntry[]]
    return (exchange) => {
      const { headers } = exchange
      for (const key of removed) headers.remove(key)
      for (const { key, value } of renamed) {
        const values = headers.all(key)
        if (values.length === 0) continue
        headers.remove(key)
        headers.remove(value.toLowerCase())
        for (const one of values) headers.append(value, one)
      }
      for (const { name, key, value } of replaced) {
        if (key === 'host') exchange.host = value
        else if (headers.has(key)) exchange.setHeader(name, value)
      }
      for (const { name, key, value } of added) if (key !== 'host' && !headers.has(key)) exchange.setHeader(name, value)
      for (const { name, key, value } of appended) if (key !== 'host') headers.append(name, value)
    }
  }
}

interface HeaderEntry {
  readonly name: string
  readonly key: string
  readonly value: string
}

function queryChanges(config: Config): (scopes: Scopes) => ((fields: Fields) => void) | undefined {
  const any = [config.remove, config.rename, config.replace, config.add, config.append].some(({ querystring }) => querystring.length > 0)
  const changes = fieldChanges(config, 'querystring')
  return (scopes) => (any ? changes(scopes) : undefined)
}

function fieldChanges({ remove, rename, replace, add, append }: Config, part: 'querystring' | 'body'): Changes<Fields> {
  return (scopes) => {
    const [renamed, replaced, added, appended] = [rename[part], replace[part], add[part], append[part]].map((list) =>
      rendered(list, scopes),
    ) as [Rendered[], Rendered[], Rendered[], Rendered[]]
    return (fields) => {
      for (const name of remove[part]) fields.remove(name)
      for (const { name, value } of renamed) fields.rename(name, value)
      for (const { name, value } of replaced) if (fields.has(name)) fields.set(name, value)
      for (const { name, value } of added) if (!fields.has(name)) fields.set(name, value)
      for (const { name, value } of appended) fields.append(name, value)
    }
  }
}

type Rendered = { readonly name: string; readonly value: string }

function moveFormToQuery(exchange: Exchange): void {
  if (!exchange.headers.get('content-type')?.toLowerCase().startsWith('application/x-www-form-urlencoded')) return
  const form = new QueryTable(exchange.body?.toString('latin1') ?? '')
  exchange.changeQuery((query) => query.appendAll(form))
  exchange.body = Buffer.alloc(0)
}

function scopesOf(exchange: Exchange): Scopes {
  return {
    headers: { lookup: (key) => listed(exchange.headers.all(headerKey(String(key), exchange))) },
    query_params: { lookup: (key) => parameter(exchange.query.all(String(key))) },
    uri_captures: { lookup: (key) => exchange.captures?.[key] },
  }
}

/** Names in any letter case, `_` for `-`. */
function headerKey(name: string, { headers }: Exchange): string {
  const key = name.toLowerCase()
  return headers.has(key) ? key : key.replaceAll('_', '-')
}

function listed(values: readonly string[]): Value {
  return values.length > 1 ? values : values[0]
}

function parameter(values: readonly (string | undefined)[]): Value {
  if (values.length === 0) return undefined
  if (values.length > 1) return values.map((value) => value ?? '')
  // A name without a value is true, as in OpenResty.
  return values[0] ?? true
}
