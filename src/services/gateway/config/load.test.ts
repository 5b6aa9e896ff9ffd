import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { enabledPlugins } from '../plugins/enabled.ts'
import { ConfigurationError, type LoadOptions, loadConfiguration } from './load.ts'

const options = (more: Partial<LoadOptions> = {}): LoadOptions => ({
  name: 'kong.yml',
  variables: {},
  plugins: enabledPlugins(['bundled']),
  ...more,
})
const load = (config: object | string, more: Partial<LoadOptions> = {}) =>
  loadConfiguration(typeof config === 'string' ? config : JSON.stringify({ _format_version: '2.1', ...config }), options(more))

function complaint(config: object | string, more: Partial<LoadOptions> = {}): string {
  try {
    load(config, more)
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message
    throw error
  }
  throw new Error('the configuration was taken')
}

const service = (more: object = {}, route: object = {}) => ({
  name: 's',
  url: 'http://up:3000',
  routes: [{ name: 'r', paths: ['/s'], ...route }],
  ...more,
})

test('every mistake is told at once, in a tree', () => {
  const message = complaint({
    nonsense: [],
    services: [
      service({ hots: 'x', read_timeout: 'soon' }),
      { name: 'two', routes: [{ name: 'q', paths: ['nope', '/a//b', '/(b', '/%zz'] }] },
    ],
    plugins: [{ name: 'cors', config: { orgins: ['*'] } }, { name: 'no-such-thing' }],
    acls: [{ consumer: 'ghost', group: 'g' }],
  })
  expect(message).toBe(`error parsing declarative config file kong.yml:
in 'nonsense': unknown field
in 'services':
  - in entry 1 of 'services':
    in 'read_timeout': expected an integer
    in 'hots': unknown field
  - in entry 2 of 'services':
    in 'host': required field missing
    in 'routes':
      - in entry 1 of 'routes':
        in 'paths':
          - in entry 1 of 'paths': should start with: /
          - in entry 2 of 'paths': must not have empty segments
          - in entry 3 of 'paths': invalid regex: '/(b' (PCRE returned: //(b/y: Unterminated group)
          - in entry 4 of 'paths': invalid url-encoded value: '%zz'
in 'plugins':
  - in entry 1 of 'plugins':
    in 'config':
      in 'orgins': unknown field
  - in entry 2 of 'plugins':
    in 'name': plugin 'no-such-thing' not enabled; add it to the 'plugins' configuration property
in 'acls':
  - in entry 1 of 'acls': invalid reference 'consumer: ghost' (no such entry in 'consumers')`)
})

test.each<[string, object | string, RegExp]>([
  ...['response-ratelimiting', 'tcp-log', 'udp-log', 'syslog'].map(
    (name) =>
      [`Kong’s ${name}`, { plugins: [{ name }] }, new RegExp(`plugin '${name}' of Kong is not served here`)] as [string, object, RegExp],
  ),
  ['no version', '{}', /in '_format_version': required field missing/],
  ['another version', '{"_format_version":"9.9"}', /in '_format_version': expected one of: 1.1, 2.1, 3.0/],
  ['no YAML', 'services: [\n  - {', /at line 2/],
  ['no record', '- a', /expected a record of entities/],
  ['a key twice', '_format_version: "2.1"\nservices: []\nservices: []', /unique/],
  ['a list that is none', { services: {} }, /in 'services': expected an array/],
  ['an entity that is none', { services: ['x'] }, /in entry 1 of 'services': expected a record/],
  [
    'a route without conditions',
    { services: [service({}, { paths: undefined })] },
    /must set one of 'methods', 'hosts', 'headers', 'paths', 'snis' when 'protocols' is 'https'/,
  ],
  [
    'a protocol of other servers',
    { services: [{ name: 's', host: 'x', protocol: 'gopher' }] },
    /in 'protocol': expected one of: http, https/,
  ],
  [
    'a protocol that is not served',
    { services: [{ name: 's', host: 'x', protocol: 'tcp' }] },
    /in 'protocol': this protocol is not served here/,
  ],
  ['a time-out of nothing', { services: [service({ read_timeout: 0 })] }, /in 'read_timeout': value should be between 1 and 2147483646/],
  [
    'a consumer without a name',
    { consumers: [{ tags: ['x'] }] },
    /at least one of these fields must be non-empty: 'custom_id', 'username'/,
  ],
  [
    'an empty password',
    { consumers: [{ username: 'c', basicauth_credentials: [{ username: 'c', password: '' }] }] },
    /in 'password': length must be at least 1/,
  ],
  [
    'a plugin bound to a consumer that takes none',
    { consumers: [{ username: 'c' }], plugins: [{ name: 'cors', consumer: 'c' }] },
    /in 'consumer': value must be null/,
  ],
  [
    'a route of an unknown service',
    { routes: [{ paths: ['/x'], service: 'absent' }] },
    /invalid reference 'service: absent' \(no such entry in 'services'\)/,
  ],
  [
    'a service twice',
    { services: [service(), service()] },
    /uniqueness violation: 'services' entity with name set to 's' already declared/,
  ],
  [
    'a template that is not understood',
    { services: [service({ plugins: [{ name: 'request-transformer', config: { add: { headers: ['a:$(os.time())'] } } }] })] },
    /unknown/,
  ],
  ['Lua that is not known', { plugins: [{ name: 'post-function', config: { access: ['os.exit()'] } }] }, /this Lua chunk is not known/],
  [
    'acl with both lists',
    { plugins: [{ name: 'acl', config: { allow: ['a'], deny: ['b'] } }] },
    /exactly one of these fields must be non-empty: allow, deny/,
  ],
])('%s is refused', (_, config, message) => {
  expect(complaint(config)).toMatch(message)
})

test('a key that stands twice is told without the key', () => {
  const message = complaint({ consumers: [{ username: 'a', keyauth_credentials: [{ key: 'the-secret' }, { key: 'the-secret' }] }] })
  expect(message).toMatch(/uniqueness violation: 'keyauth_credentials' entity with key already declared/)
  expect(message).not.toContain('the-secret')
})

test('a plugin that KONG_PLUGINS leaves out is not enabled', () => {
  expect(complaint({ plugins: [{ name: 'acl', config: { allow: ['a'] } }] }, { plugins: enabledPlugins(['cors']) })).toMatch(
    /plugin 'acl' not enabled/,
  )
})

describe('what is taken', () => {
  test('entities nested and flat, by name and by id, with stable ids', () => {
    const config = {
      _comment: 'x',
      services: [{ ...service(), _comment: 'y', _ignore: [1] }],
      routes: [
        { name: 'flat', paths: ['/f'], service: 's' },
        { name: 'record', paths: ['/g'], service: { name: 's' } },
      ],
      consumers: [{ username: 'c', acls: [{ group: 'g' }] }],
      keyauth_credentials: [{ consumer: 'c', key: 'k' }],
    }
    const { entities } = load(config)
    const id = entities.services[0]?.id
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(entities.routes.map(({ links }) => links['service'])).toEqual([id, id, id])
    expect(entities.acls[0]?.links['consumer']).toBe(entities.consumers[0]?.id)
    expect(load(config).entities.services[0]?.id).toBe(id)
  })

  test.each([
    ['http://up:3000', { protocol: 'http', host: 'up', port: 3000, path: undefined }],
    ['http://up:3000/', { protocol: 'http', host: 'up', port: 3000, path: '/' }],
    ['https://up/a/b', { protocol: 'https', host: 'up', port: 443, path: '/a/b' }],
    ['http://up', { protocol: 'http', host: 'up', port: 80, path: undefined }],
  ])('the url %s', (url, fields) => {
    const { protocol, host, port, path } = load({ services: [{ name: 's', url, protocol: 'ws' }] }).entities.services[0]!.fields
    expect({ protocol, host, port, path }).toEqual(fields)
  })

  test('in format 3.0 only a ~ makes a regular expression', () => {
    const text = JSON.stringify({ _format_version: '3.0', services: [service({}, { paths: ['~/v\\d+$', '/a(b'] })] })
    expect(load(text).version).toBe('3.0')
  })
})

describe('variables', () => {
  const keys = `_format_version: '2.1'
consumers:
  - username: anon
    keyauth_credentials:
      - key: $ANON
      - key: $OPAQUE
      - key: $UNSET
services:
  - name: s
    url: http://$HOST:$PORT/
    read_timeout: $TIMEOUT
    routes:
      - paths: ["/$NAME-$OTHER", '/cost$']
`
  const variables = { ANON: 'a: b #c "', OPAQUE: '', HOST: 'up', PORT: '3000', TIMEOUT: '5000', NAME: 'n' }

  test('are filled in where they are set, and cannot break the file', () => {
    const { entities, unset } = load(keys, { variables })
    expect(entities.keyauth_credentials.map(({ fields }) => fields.key)).toEqual(['a: b #c "'])
    expect(unset).toEqual(['OPAQUE', 'UNSET'])
    expect(entities.services[0]?.fields).toMatchObject({ host: 'up', port: 3000, read_timeout: 5_000 })
    expect(entities.routes[0]?.fields.paths).toEqual(['/n-$OTHER', '/cost$'])
  })

  test('that look like numbers stay text where they identify', () => {
    const text = "_format_version: '2.1'\nconsumers:\n  - username: $N\n    keyauth_credentials:\n      - key: $N\n"
    expect(load(text, { variables: { N: '0123' } }).entities.keyauth_credentials[0]?.fields.key).toBe('0123')
  })

  test('an issuer that is no URL stops the start in upstream’s words', () => {
    expect(complaint('{"_format_version":"2.1"}', { variables: { JWT_ISSUER: 'localhost' } })).toContain(
      'JWT_ISSUER must start with http:// or https:// (got: localhost)',
    )
  })
})

describe.each(['self-hosted', 'local'])('the file %s', (form) => {
  const text = readFileSync(new URL(`../defaults/${form}.yml`, import.meta.url), 'utf8')
  const variables = {
    DASHBOARD_USERNAME: 'u',
    DASHBOARD_PASSWORD: 'p',
    SUPABASE_ANON_KEY: 'a',
    SUPABASE_SERVICE_KEY: 's',
    JWT_ISSUER: 'http://x:8000/auth/v1/',
  }

  test('is taken, with and without opaque keys', () => {
    for (const more of [
      {},
      { SUPABASE_PUBLISHABLE_KEY: 'sb_publishable_x', SUPABASE_SECRET_KEY: "sb_secret_'\\", ANON_KEY_ASYMMETRIC: 't' },
    ])
      expect(load(text, { variables: { ...variables, ...more } }).entities.services.length).toBeGreaterThan(10)
  })

  test('has the metadata of OAuth where the issuer has it', () => {
    const paths = load(text, { variables }).entities.routes.flatMap(({ fields }) => fields.paths)
    expect(paths.find((path) => path?.startsWith('/.well-known/'))).toBe(
      form === 'local' ? '/.well-known/oauth-authorization-server' : '/.well-known/oauth-authorization-server/auth/v1',
    )
  })
})
