import type { IncomingMessage } from 'node:http'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RestError } from '../errors.ts'
import { parsePayload } from '../parse/payload.ts'
import { parseRequest } from '../parse/request.ts'
import { cache, config } from '../plan/fixtures.ts'
import { planCall, planTableRead, planTableWrite } from '../plan/request.ts'
import { statementsOf } from './request.ts'

/** From a request to its statement, without a socket or a database. */
function sql(method: string, url: string, body?: string, headers: Record<string, string> = {}): { text: string; values: unknown[] } {
  const request = parseRequest({ method, url, headers } as unknown as IncomingMessage, ['api'], undefined)
  const { target, action } = request
  if (target.kind === 'root') throw new Error('no statement')
  const payload =
    body === undefined
      ? undefined
      : parsePayload(Buffer.from(body), {
          contentType: undefined,
          call: action === 'call',
          columnsGiven: request.query.columns !== undefined,
        })
  const plan =
    action === 'call'
      ? planCall(request, target.name, payload, cache, config)
      : action === 'read'
        ? planTableRead(request, target.name, cache, config)
        : planTableWrite(request, target.name, payload, cache, config)
  const { text, values } = statementsOf(plan, undefined).main
  return { text, values: values.map((value) => (Buffer.isBuffer(value) ? value.toString() : value)) }
}

/** The rows' part of a read. */
const rows = (url: string) => {
  const { text, values } = sql('GET', url)
  return [/ FROM \((.*)\) _t$/s.exec(text)?.[1], ...values]
}

test.each([
  ['/projects', ['SELECT "projects".* FROM "api"."projects"']],
  ['/projects?select=id,n:name', ['SELECT "projects"."id", "projects"."name" AS "n" FROM "api"."projects"']],
  ['/projects?select=id::text', ['SELECT CAST("projects"."id" AS text) AS "id" FROM "api"."projects"']],
  ['/projects?select=data->a->>b', [`SELECT "projects"."data"->'a'->>'b' AS "b" FROM "api"."projects"`]],
  ['/projects?select=name->a', [`SELECT to_jsonb("projects"."name")->'a' AS "a" FROM "api"."projects"`]],
  ['/projects?select=id&id=eq.1', ['SELECT "projects"."id" FROM "api"."projects" WHERE "projects"."id" = $1', '1']],
  [
    '/projects?select=id&id=not.in.(1,2)',
    ['SELECT "projects"."id" FROM "api"."projects" WHERE NOT "projects"."id" = ANY ($1)', '{"1","2"}'],
  ],
  ['/projects?select=id&id=in.()', ['SELECT "projects"."id" FROM "api"."projects" WHERE "projects"."id" = ANY ($1)', '{}']],
  ['/projects?select=id&name=like.a*', ['SELECT "projects"."id" FROM "api"."projects" WHERE "projects"."name" like $1', 'a%']],
  ['/projects?select=id&name=is.null', ['SELECT "projects"."id" FROM "api"."projects" WHERE "projects"."name" IS NULL']],
  ['/projects?select=id&arr=cs.{1}', ['SELECT "projects"."id" FROM "api"."projects" WHERE "projects"."arr" @> $1', '{1}']],
  ['/projects?select=id&id=eq(any).{1,2}', ['SELECT "projects"."id" FROM "api"."projects" WHERE "projects"."id" = ANY ($1)', '{1,2}']],
  [
    '/projects?select=id&name=fts(english).x&words=wfts.y',
    [
      `SELECT "projects"."id" FROM "api"."projects" WHERE to_tsvector('english', "projects"."name") @@ to_tsquery('english', $1) AND "projects"."words" @@ websearch_to_tsquery($2)`,
      'x',
      'y',
    ],
  ],
  [
    '/projects?select=id&or=(id.eq.1,and(name.eq.x,id.not.gt.5))',
    [
      'SELECT "projects"."id" FROM "api"."projects" WHERE ("projects"."id" = $1 OR ("projects"."name" = $2 AND NOT "projects"."id" > $3))',
      '1',
      'x',
      '5',
    ],
  ],
  [
    '/projects?select=id&order=name.desc.nullslast,data->>a&limit=5&offset=2',
    [
      `SELECT "projects"."id" FROM "api"."projects" ORDER BY "projects"."name" DESC NULLS LAST, "projects"."data"->>'a' LIMIT 5 OFFSET $1`,
      '2',
    ],
  ],
  [
    '/projects?select=id,clients(name)',
    [
      'SELECT "projects"."id", row_to_json("projects_clients_1".*)::jsonb AS "clients" FROM "api"."projects" LEFT JOIN LATERAL (SELECT "clients"."name" FROM "api"."clients" WHERE "projects"."client_id" = "clients"."id") AS "projects_clients_1" ON TRUE',
    ],
  ],
  [
    '/clients?select=projects!inner(id)&projects.id=eq.3',
    [
      `SELECT COALESCE("clients_projects_1"."clients_projects_1", '[]') AS "projects" FROM "api"."clients" INNER JOIN LATERAL (SELECT json_agg("clients_projects_1".*)::jsonb AS "clients_projects_1" FROM (SELECT "projects"."id" FROM "api"."projects" WHERE "clients"."id" = "projects"."client_id" AND "projects"."id" = $1) AS "clients_projects_1") AS "clients_projects_1" ON "clients_projects_1"."clients_projects_1" IS NOT NULL`,
      '3',
    ],
  ],
  [
    '/users?select=tasks(id)',
    [
      `SELECT COALESCE("users_tasks_1"."users_tasks_1", '[]') AS "tasks" FROM "api"."users" LEFT JOIN LATERAL (SELECT json_agg("users_tasks_1".*)::jsonb AS "users_tasks_1" FROM (SELECT "tasks"."id" FROM "api"."tasks", "api"."users_tasks" WHERE "users_tasks"."user_id" = "users"."id" AND "users_tasks"."task_id" = "tasks"."id") AS "users_tasks_1") AS "users_tasks_1" ON TRUE`,
    ],
  ],
  [
    '/users?select=id,boss(id)',
    [
      'SELECT "users"."id", row_to_json("users_boss_1".*)::jsonb AS "boss" FROM "api"."users" LEFT JOIN LATERAL (SELECT "users_1"."id" FROM "api"."users" AS "users_1" WHERE "users"."boss" = "users_1"."id") AS "users_boss_1" ON TRUE',
    ],
  ],
  [
    '/projects?select=id,...clients(client:name)',
    [
      'SELECT "projects"."id", "projects_clients_1"."client" AS "client" FROM "api"."projects" LEFT JOIN LATERAL (SELECT "clients"."name" AS "client" FROM "api"."clients" WHERE "projects"."client_id" = "clients"."id") AS "projects_clients_1" ON TRUE',
    ],
  ],
  [
    '/projects?select=client_id,id.sum()',
    ['SELECT "projects"."client_id", sum("projects"."id") AS "sum" FROM "api"."projects" GROUP BY "projects"."client_id"'],
  ],
  ['/clients?select=id&projects=is.null', ['SELECT "clients"."id" FROM "api"."clients" WHERE "clients"."projects" IS NULL']],
  [
    '/projects?select=id,clients()&clients=not.is.null',
    [
      'SELECT "projects"."id" FROM "api"."projects" LEFT JOIN LATERAL (SELECT "clients".* FROM "api"."clients" WHERE "projects"."client_id" = "clients"."id") AS "projects_clients_1" ON TRUE WHERE "projects_clients_1" IS DISTINCT FROM NULL',
    ],
  ],
  ['/we%22ird?select=a%22b', undefined],
  ['/we%22ird?select="a\\"b"', ['SELECT "we""ird"."a""b" FROM "api"."we""ird"']],
])('GET %s', (url, expected) => {
  if (expected === undefined) expect(() => rows(url)).toThrow(RestError)
  else expect(rows(url)).toEqual(expected)
})

test('a count without a window is that of the page; with one it has a query of its own', () => {
  const prefer = { prefer: 'count=exact' }
  expect(sql('GET', '/projects', undefined, prefer).text).toContain('SELECT null::bigint, count(*)')
  expect(sql('GET', '/projects?id=gt.1&limit=2', undefined, prefer)).toMatchObject({
    text: expect.stringContaining('SELECT (SELECT count(*) FROM (SELECT 1 FROM "api"."projects" WHERE "projects"."id" > $2) pgrst_count)'),
    values: ['1', '1'],
  })
})

test.each([
  [
    'POST',
    '/clients',
    '{"id":1,"name":"x"}',
    'INSERT INTO "api"."clients"("id", "name") SELECT pgrst_body."id", pgrst_body."name" FROM (SELECT $1::json AS json_data) pgrst_payload, LATERAL (SELECT "id", "name" FROM json_to_record(pgrst_payload.json_data) AS _("id" integer, "name" text)) pgrst_body RETURNING 1',
  ],
  ['POST', '/clients', '{}', 'INSERT INTO "api"."clients" SELECT FROM (SELECT $1::json) pgrst_body RETURNING 1'],
  ['POST', '/clients', '[{},{}]', 'INSERT INTO "api"."clients" SELECT FROM json_array_elements($1::json) pgrst_body RETURNING 1'],
  [
    'POST',
    '/clients?columns=name',
    'not json',
    'INSERT INTO "api"."clients"("name") SELECT pgrst_body."name" FROM (SELECT $1::json AS json_data) pgrst_payload, LATERAL (SELECT "name" FROM json_to_recordset(pgrst_payload.json_data) AS _("name" text)) pgrst_body RETURNING 1',
  ],
  [
    'PATCH',
    '/clients?id=eq.1',
    '{"name":"x"}',
    'UPDATE "api"."clients" SET "name" = pgrst_body."name" FROM (SELECT $1::json AS json_data) pgrst_payload, LATERAL (SELECT "name" FROM json_to_record(pgrst_payload.json_data) AS _("name" text) LIMIT 1) pgrst_body WHERE "clients"."id" = $2 RETURNING 1',
  ],
  ['PATCH', '/clients?id=eq.1', '{}', 'SELECT 1 FROM "api"."clients" WHERE false'],
  [
    'DELETE',
    '/clients?or=(id.eq.1,id.eq.2)',
    undefined,
    'DELETE FROM "api"."clients" WHERE ("clients"."id" = $1 OR "clients"."id" = $2) RETURNING 1',
  ],
])('%s %s %s', (method, url, body, expected) => {
  const { text, values } = sql(method, url, body)
  expect(/^WITH pgrst_source AS \((.*)\) SELECT null::bigint, count/s.exec(text)?.[1]).toBe(expected)
  if (body !== undefined && !text.includes('WHERE false')) expect(values[0]).toBe(body)
})

test('an upsert names its conflict and counts what is new', () => {
  const { text } = sql('POST', '/clients', '{"id":1,"name":"x"}', { prefer: 'resolution=merge-duplicates' })
  expect(text).toContain('ON CONFLICT ("id") DO UPDATE SET "id" = EXCLUDED."id", "name" = EXCLUDED."name" WHERE set_config')
  const ignoring = sql('POST', '/clients?on_conflict=name', '{"name":"x"}', { prefer: 'resolution=ignore-duplicates' })
  expect(ignoring.text).toContain('ON CONFLICT ("name") DO NOTHING')
})

test('missing keys take defaults when asked', () => {
  const { text } = sql('POST', '/projects?columns=id,name', '[{"name":"x"}]', { prefer: 'missing=default' })
  expect(text).toContain(`jsonb_agg(jsonb_build_object('id', nextval('api.projects_id_seq'::regclass)) || elem)`)
})

test('a representation returns what its embeds join by', () => {
  const { text } = sql('POST', '/projects?select=id,clients(name)', '{"id":1}', { prefer: 'return=representation' })
  expect(text).toContain('RETURNING "projects"."id", "projects"."client_id"')
})

test.each([
  [
    'GET',
    '/rpc/add?a=1&b=2',
    undefined,
    'SELECT pgrst_call."pgrst_scalar" FROM (SELECT "api"."add"("a" := $1::integer, "b" := $2::integer) AS "pgrst_scalar") pgrst_call',
    ['1', '2'],
  ],
  [
    'POST',
    '/rpc/add',
    '{"a":"x"}',
    'SELECT pgrst_call."pgrst_scalar" FROM (SELECT $1::json AS json_data) pgrst_payload, LATERAL (SELECT "a" FROM json_to_record(pgrst_payload.json_data) AS _("a" text) LIMIT 1) pgrst_body, LATERAL (SELECT "api"."add"("a" := pgrst_body."a") AS "pgrst_scalar") pgrst_call',
    ['{"a":"x"}'],
  ],
  ['GET', '/rpc/plenty', undefined, 'SELECT pgrst_call.* FROM "api"."plenty"() pgrst_call', []],
  ['POST', '/rpc/whole', '[1,2]', undefined, []],
  [
    'POST',
    '/rpc/whole',
    '{"any":"thing"}',
    'SELECT pgrst_call."pgrst_scalar" FROM (SELECT "api"."whole"($1::json) AS "pgrst_scalar") pgrst_call',
    ['{"any":"thing"}'],
  ],
])('%s %s %s', (method, url, body, expected, values) => {
  if (expected === undefined) {
    expect(() => sql(method, url, body)).toThrow(RestError)
    return
  }
  const found = sql(method, url, body)
  expect(/^WITH pgrst_source AS \((.*?)\) SELECT (null|\(SELECT)/s.exec(found.text)?.[1]).toBe(expected)
  expect(found.values).toEqual(values)
})

test.each([
  ['GET', '/nothing', 'PGRST205', "Could not find the table 'api.nothing' in the schema cache"],
  ['GET', '/client', 'PGRST205', "Could not find the table 'api.client' in the schema cache"],
  ['GET', '/a/b', 'PGRST125', 'Invalid path specified in request URL'],
  ['TRACE', '/clients', 'PGRST117', 'Unsupported HTTP method: TRACE'],
  ['PUT', '/rpc/add', 'PGRST101', 'Cannot use the PUT method on RPC'],
  ['GET', '/clients?select=tasks(id)', 'PGRST200', "Could not find a relationship between 'clients' and 'tasks' in the schema cache"],
  ['GET', '/clients?tasks.id=eq.1', 'PGRST108', "'tasks' is not an embedded resource in this request"],
  ['GET', '/clients?select=id,projects(id)&order=projects(id)', 'PGRST118', "A related order on 'projects' is not possible"],
  ['GET', '/rpc/add?c=1', 'PGRST202', 'Could not find the function api.add(c) in the schema cache'],
  [
    'GET',
    '/rpc/same?a=1',
    'PGRST203',
    'Could not choose the best candidate function between: api.same(a => integer, b => integer), api.same(a => text)',
  ],
  ['POST', '/clients', 'PGRST204', "Could not find the 'nope' column of 'clients' in the schema cache"],
  ['PUT', '/clients?id=gt.1', 'PGRST105', "Filters must include all and only primary key columns with 'eq' operators"],
  ['PUT', '/clients?id=eq.1&limit=1', 'PGRST114', 'limit/offset querystring parameters are not allowed for PUT'],
])('%s %s answers %s', (method, url, code, message) => {
  const body = method === 'POST' ? '{"nope":1}' : method === 'PUT' && !url.startsWith('/rpc') ? '{"id":1}' : undefined
  expect(() => sql(method, url, body)).toThrow(expect.objectContaining({ code, message }))
})

test.each([
  '/clients',
  '/clients?id=eq.1&name=eq.x',
  '/clients?id=not.eq.1',
  '/clients?id=eq(any).{1}',
  '/clients?id->>a=eq.1',
  '/clients?id=eq.1&or=(name.eq.a,name.eq.b)',
  '/clients?id=eq.1&select=id,projects(id)&projects.id=eq.5',
  '/clients?id=eq.1&select=id,projects(id)&projects.or=(id.eq.5,id.eq.6)',
])('PUT %s names more than one row by its key, or less', (url) => {
  expect(() => sql('PUT', url, '{"id":1}')).toThrow(expect.objectContaining({ code: 'PGRST105' }))
})

test('an embed by two ways is refused with both named', () => {
  const both = { ...cache, relationships: new Map(cache.relationships) }
  const list = both.relationships.get('api\0projects')!
  both.relationships.set('api\0projects', [
    ...list,
    { ...list.find(({ target }) => target.name === 'clients')!, constraint: 'other_fkey' } as (typeof list)[number],
  ])
  const request = parseRequest(
    { method: 'GET', url: '/projects?select=clients(id)', headers: {} } as unknown as IncomingMessage,
    ['api'],
    undefined,
  )
  expect(() => planTableRead(request, 'projects', both, config)).toThrow(
    expect.objectContaining({
      code: 'PGRST201',
      hint: "Try changing 'clients' to one of the following: 'clients!projects_client_fkey', 'clients!other_fkey'. Find the desired relationship in the 'details' key.",
    }),
  )
})

test('no value of a request becomes part of the text', () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 3 }),
      fc.constantFrom('eq', 'neq', 'like', 'fts', 'cs', 'isdistinct', 'match'),
      (value, operator) => {
        const marked = `§${value}§`
        const { text, values } = sql('GET', `/projects?select=id&name=${operator}.${encodeURIComponent(marked)}`)
        expect(text).toBe(sql('GET', `/projects?select=id&name=${operator}.x`).text)
        expect(values).toEqual([operator === 'like' ? marked.replaceAll('*', '%') : marked])
      },
    ),
  )
})

test('names are quoted whatever they hold', () => {
  fc.assert(
    fc.property(
      // A quoted star still means all columns, as upstream reads it.
      fc.string({ minLength: 1 }).filter((name) => !name.includes('\0') && name !== '*'),
      (name) => {
        const written = `"${name.replace(/["\\]/g, '\\$&')}"`
        const { text } = sql('GET', `/projects?select=${encodeURIComponent(written)}&order=${encodeURIComponent(written)}`)
        const quoted = `"projects"."${name.replaceAll('"', '""')}"`
        expect(text).toContain(`SELECT ${quoted} FROM "api"."projects" ORDER BY ${quoted})`)
      },
    ),
  )
})
