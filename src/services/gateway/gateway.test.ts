import { describe, expect, test } from 'vitest'
import { echo, echoed, service, startGateway, startServer } from './testing.ts'

const KEYS = {
  SUPABASE_ANON_KEY: 'legacy-anon',
  SUPABASE_SERVICE_KEY: 'legacy-service',
  SUPABASE_PUBLISHABLE_KEY: 'sb_publishable_x',
  SUPABASE_SECRET_KEY: 'sb_secret_x',
  ANON_KEY_ASYMMETRIC: 'anon-token',
  SERVICE_ROLE_KEY_ASYMMETRIC: 'service-token',
  DASHBOARD_USERNAME: 'supabase',
  DASHBOARD_PASSWORD: 'open sesame',
}

describe.each(['in this process', 'over the network'])('a service %s', (where) => {
  async function withRest(config: object | undefined, variables: Record<string, string> = {}) {
    const upstream = await startServer(echo)
    const door = await startGateway(config, where === 'over the network' ? { REST_URL: upstream.url, ...variables } : variables)
    if (where === 'in this process') service(door.dispatcher, 'rest', 3000, echo)
    return {
      ...door,
      async [Symbol.asyncDispose]() {
        await door[Symbol.asyncDispose]()
        await upstream[Symbol.asyncDispose]()
      },
    }
  }

  test('gets the path without its prefix, the query and the body as they came', async () => {
    await using door = await withRest(undefined, KEYS)
    const seen = await echoed(`${door.url}/rest/v1/todos?select=*&a=%2B`, {
      method: 'POST',
      body: 'a body',
      headers: { apikey: 'legacy-anon' },
    })
    expect(seen).toMatchObject({ method: 'POST', url: '/todos?select=*&a=%2B', body: 'a body' })
    expect(seen.headers).toMatchObject({ host: 'rest:3000', 'x-forwarded-prefix': '/rest/v1/', 'x-consumer-username': 'anon' })
  })

  test.each([
    [{ apikey: 'sb_publishable_x' }, 'Bearer anon-token'],
    [{ apikey: 'sb_secret_x' }, 'Bearer service-token'],
    [{ apikey: 'sb_publishable_x', authorization: 'Bearer a.user.token' }, 'Bearer a.user.token'],
    [{ apikey: 'legacy-service' }, 'legacy-service'],
  ])('with %j gets the authorization %j', async (headers, authorization) => {
    await using door = await withRest(undefined, KEYS)
    expect((await echoed(`${door.url}/rest/v1/`, { headers })).headers['authorization']).toBe(authorization)
  })

  test('is not reached without a key, and the refusal can be read by a browser', async () => {
    await using door = await withRest(undefined, KEYS)
    const response = await fetch(`${door.url}/rest/v1/`)
    expect([response.status, await response.json()]).toEqual([401, { message: 'No API key found in request' }])
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
  })

  test('answers through the plugins: latencies, Via, CORS once', async () => {
    await using door = await withRest(undefined, KEYS)
    const response = await fetch(`${door.url}/rest/v1/`, { headers: { apikey: 'legacy-anon', origin: 'http://a.test' } })
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(response.headers.get('via')).toBe('kong/2.8.1')
    expect(response.headers.get('x-kong-upstream-latency')).toMatch(/^\d+$/)
    expect(response.headers.get('content-type')).toBe('application/json')
  })
})

test('the local file asks for no key and swaps opaque ones', async () => {
  await using door = await startGateway(undefined, { ...KEYS, PLINTH_GATEWAY_FORM: 'local' })
  service(door.dispatcher, 'rest', 3000, echo)
  expect((await echoed(`${door.url}/rest/v1/t`)).headers['authorization']).toBeUndefined()
  expect((await echoed(`${door.url}/rest/v1/t`, { headers: { apikey: 'sb_secret_x' } })).headers['authorization']).toBe(
    'Bearer service-token',
  )
})

test('a service that the stack left out answers 503 with the reason, one that is down 502', async () => {
  await using door = await startGateway(undefined, { ...KEYS, PLINTH_GATEWAY_FORM: 'local' })
  door.dispatcher.declareAbsent(['storage'], 'storage is not part of the minimal profile')
  service(door.dispatcher, 'analytics', 4001, echo)
  const absent = await fetch(`${door.url}/storage/v1/bucket`)
  expect([absent.status, await absent.json()]).toEqual([503, { message: 'storage is not part of the minimal profile' }])
  expect((await fetch(`${door.url}/analytics/v1/x`)).status).toBe(502)
})
