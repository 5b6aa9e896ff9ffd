// Malformed addresses, headers and bodies, seeded: no answer of 500 that Postgres did not cause, and the service lives on.
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { startRest, type TestRest, token } from './harness.ts'

let postgres: TestPostgres
let rest: TestRest
let bearer: string

beforeAll(async () => {
  postgres = await startPostgres()
  const admin = await postgres.connect()
  await admin.query(readFileSync(new URL('./schema.sql', import.meta.url), 'utf8'))
  rest = await startRest(postgres.url('authenticator'), {
    PGRST_DB_AGGREGATES_ENABLED: 'true',
    PGRST_DB_PLAN_ENABLED: 'true',
    PGRST_DB_TX_END: 'rollback',
  })
  await vi.waitFor(() => rest.health(), 10_000)
  bearer = await token({ role: 'web_user', sub: 'ann' })
})
afterAll(async () => {
  await rest?.[Symbol.asyncDispose]()
  await postgres?.[Symbol.asyncDispose]()
})

/** Sends what fetch would mend or refuse. */
function raw(method: string, path: string, headers: Record<string, string>, body: string): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(rest.url)
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path, headers: { ...headers, authorization: `Bearer ${bearer}` } }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(method === 'GET' || method === 'HEAD' ? undefined : body)
  })
}

const piece = fc.oneof(
  fc.constantFrom(
    'id',
    'name',
    'clients',
    'projects',
    'data',
    '->',
    '->>',
    '::',
    'text',
    '(',
    ')',
    ',',
    '.',
    ':',
    '!',
    '...',
    '*',
    '"',
    '\\',
    'eq',
    'in',
    'is',
    'null',
    'not',
    'and',
    'or',
    'fts',
    'sum()',
    'count()',
    '{1}',
    "'",
    ';',
    '--',
    '$1',
    '$$',
    '%',
    '\u0000',
    'ü',
    '0',
    '-1',
    '99999999999999999999',
    ' ',
  ),
  fc.string({ maxLength: 5 }),
)
const words = fc.array(piece, { maxLength: 8 }).map((parts) => parts.join(''))
const parameter = fc.tuple(
  fc.oneof(
    fc.constantFrom(
      'select',
      'order',
      'limit',
      'offset',
      'and',
      'or',
      'columns',
      'on_conflict',
      'id',
      'name',
      'clients.name',
      'a',
      'clients.order',
    ),
    words,
  ),
  words,
)
const path = fc.oneof(
  fc.constantFrom('/projects', '/clients', '/rpc/add', '/rpc/projects_of', '/rpc/whoami', '/project_list', '/'),
  words.map((text) => `/${encodeURIComponent(text)}`),
)
const headerValue = fc.oneof(
  words,
  fc.constantFrom('text/csv', 'application/vnd.pgrst.plan+json', 'return=representation', 'count=exact', '0-5', '5-2', 'handling=strict'),
)
const headers = fc.dictionary(
  fc.constantFrom('accept', 'prefer', 'range', 'content-type', 'accept-profile', 'content-profile'),
  headerValue.map((value) => value.replace(/[^\t\x20-\x7e]/g, '')),
  { maxKeys: 3 },
)
const body = fc.oneof(fc.json(), words, fc.constantFrom('', '{}', '[]', '[{}]', '{"id":1,"name":"x"}', '[{"id":1},{"id":2}]', 'a,b\n1,2'))

test('whatever is sent, the answer is one that the request or Postgres caused', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS'),
      path,
      fc.array(parameter, { maxLength: 4 }),
      headers,
      body,
      async (method, where, parameters, lines, text) => {
        const query = parameters.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&')
        const answer = await raw(method, `${where}?${query}`, lines, text)
        if (answer.status < 500) return
        const { code } = JSON.parse(answer.text === '' ? '{"code":"HEAD"}' : answer.text) as { code: string }
        expect(code, `${method} ${where}?${query} ${JSON.stringify(lines)} ${text} gives ${answer.text}`).not.toMatch(/^PGRST/)
      },
    ),
    { numRuns: 1_500, seed: 4_711 },
  )
  expect((await rest.call('GET', '/clients?select=id&order=id')).json).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }])
})
