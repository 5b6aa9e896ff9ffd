// Changes method, path, headers, query and body of the request before the service sees it. Upstream: Kong's `request-transformer`.
import { z } from 'zod'
import { changedBody, type Fields, readFields } from '../body.ts'
import { byteString, headerValue } from '../bytes.ts'
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
    const texts = new Texts()
    const uri = config.replace.uri && texts.add(config.replace.uri)
    const headers = changesOf(config, 'headers', texts)
    const query = changesOf(config, 'querystring', texts)
    const body = changesOf(config, 'body', texts)
    const formToQuery = config.http_method !== undefined && ['GET', 'HEAD', 'TRACE'].includes(config.http_method)
    return (exchange) => {
      // Every text is made before anything changes: expressions see the request as the plugins before left it.
      const made = texts.render(new RequestScopes(exchange))
      if (uri !== undefined) exchange.path = normalisePath(made[uri]!.startsWith('/') ? made[uri]! : `/${made[uri]}`)
      changeHeaders(exchange, headers, made)
      if (query.length > 0) exchange.changeQuery((table) => changeFields(table.asFields(), query, made))
      if (config.http_method !== undefined) exchange.method = config.http_method
      if (body.length === 0 && !formToQuery) return undefined
      return readFields(exchange).then((read) => {
        if ('refusal' in read) return read.refusal
        if (!read.fields) return undefined
        if (body.length > 0) {
          changeFields(read.fields, body, made)
          changedBody(exchange, read.fields)
        }
        if (formToQuery) moveFormToQuery(exchange)
        return undefined
      })
    }
  },
})

/** The different texts of a configuration: each is made once per request, also where it stands in several lists. */
class Texts {
  readonly #templates: Template[] = []

  add(template: Template): number {
    const at = this.#templates.findIndex(({ source }) => source === template.source)
    return at < 0 ? this.#templates.push(template) - 1 : at
  }

  render(scopes: Scopes): string[] {
    return this.#templates.map((template) => template.render(scopes))
  }
}

interface Change {
  readonly act: 'remove' | 'rename' | 'replace' | 'add' | 'append'
  readonly name: string
  /** The name in lower case, for headers. */
  readonly key: string
  /** Which of the texts. */
  readonly text: number
}

/** All changes of one part in the order in which they are made. */
function changesOf(config: Config, part: 'headers' | 'querystring' | 'body', texts: Texts): Change[] {
  const change = (act: Change['act'], name: string, text: number): Change => ({
    act,
    name: byteString(name),
    key: name.toLowerCase(),
    text,
  })
  const each = (act: Exclude<Change['act'], 'remove'>) => config[act][part].map(({ name, value }) => change(act, name, texts.add(value)))
  return [
    ...config.remove[part].map((name) => change('remove', name, -1)),
    ...each('rename'),
    ...each('replace'),
    ...each('add'),
    ...each('append'),
  ]
}

function changeHeaders(exchange: Exchange, changes: readonly Change[], made: readonly string[]): void {
  const { headers } = exchange
  for (const { act, name, key, text } of changes) {
    if (act === 'remove') {
      headers.remove(key)
      continue
    }
    if (act === 'rename') {
      renameHeader(exchange, key, made[text]!.trim())
      continue
    }
    // Host is not among the lines that plugins make: it can be replaced, and nothing else.
    if (key === 'host') {
      if (act === 'replace') exchange.host = headerValue(made[text]!.trim())
      continue
    }
    if (act === 'append' || headers.has(key) === (act === 'replace')) {
      const value = headerValue(made[text]!.trim())
      if (act === 'append') headers.append(name, value, key)
      else exchange.setHeader(name, value, key)
    }
  }
}

function renameHeader({ headers }: Exchange, key: string, to: string): void {
  const values = headers.all(key)
  if (values.length === 0) return
  headers.remove(key)
  headers.remove(to.toLowerCase())
  for (const value of values) headers.append(to, value)
}

function changeFields(fields: Fields, changes: readonly Change[], made: readonly string[]): void {
  for (const { act, name, text } of changes) {
    if (act === 'remove') fields.remove(name)
    else if (act === 'rename') fields.rename(name, made[text]!)
    else if (act === 'append') fields.append(name, made[text]!)
    else if (fields.has(name) === (act === 'replace')) fields.set(name, made[text]!)
  }
}

function moveFormToQuery(exchange: Exchange): void {
  if (!exchange.headers.get('content-type')?.toLowerCase().startsWith('application/x-www-form-urlencoded')) return
  const form = new QueryTable(exchange.body?.toString('latin1') ?? '')
  exchange.changeQuery((query) => query.appendAll(form))
  exchange.body = Buffer.alloc(0)
}

/** What expressions see of a request. */
class RequestScopes implements Scopes {
  readonly #exchange: Exchange

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  header(key: string): Value {
    const found = this.#exchange.headers.lookup(key)
    return found === undefined && key.includes('_') ? this.#exchange.headers.lookup(key.replaceAll('_', '-')) : found
  }

  parameter(name: string): Value {
    const values = this.#exchange.query.all(name)
    if (values.length > 1) return values.map((value) => value ?? '')
    // A name without a value is true, as in OpenResty.
    return values.length === 0 ? undefined : (values[0] ?? true)
  }

  capture(name: string | number): Value {
    return this.#exchange.captures?.[name]
  }
}
