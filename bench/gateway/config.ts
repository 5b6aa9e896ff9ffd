// The files of the gateways that are measured: key-auth, acl, cors and request-transformer on every route.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const KEY = 'sb_publishable_benchmark'

let folder: string | undefined
let files = 0

function save(configuration: object): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'plinth-bench-gateway-'))
    process.on('exit', () => rmSync(made, { recursive: true, force: true }))
    folder = made
  }
  const path = join(folder, `${files++}.json`)
  writeFileSync(path, JSON.stringify(configuration))
  return path
}

const plugins = [
  { name: 'cors' },
  { name: 'key-auth', config: { hide_credentials: false } },
  { name: 'acl', config: { allow: ['admin', 'anon'], hide_groups_header: true } },
  {
    name: 'request-transformer',
    config: {
      add: { headers: ['Authorization: $LUA_AUTH_EXPR', 'X-Bench:yes'] },
      replace: { headers: ['Authorization: $LUA_AUTH_EXPR'] },
    },
  },
]

const consumers = [{ username: 'anon', keyauth_credentials: [{ key: KEY }], acls: [{ group: 'anon' }] }]

/** One route, `/rest/v1/`, and as many others as make up the number. */
export function routesFile(origin: string, routes: number): string {
  return save({
    _format_version: '2.1',
    consumers,
    services: [
      { name: 'rest', url: `${origin}/`, plugins, routes: [{ name: 'rest', paths: ['/rest/v1/'] }] },
      ...Array.from({ length: routes - 1 }, (_, i) => ({
        name: `service-${i}`,
        url: `${origin}/`,
        plugins: i < 50 ? plugins : [],
        routes: [{ name: `route-${i}`, paths: [`/tenant-${i % 500}/part-${i}/`] }],
      })),
    ],
  })
}

export const streamFile = (port: number): string =>
  save({
    _format_version: '2.1',
    consumers,
    services: [{ name: 'x', url: `http://127.0.0.1:${port}/`, plugins, routes: [{ name: 'x', paths: ['/x/'], strip_path: false }] }],
  })

/** What the stack gives its gateway. */
export const KEYS = {
  SUPABASE_ANON_KEY: 'anon',
  SUPABASE_SERVICE_KEY: 'service',
  SUPABASE_PUBLISHABLE_KEY: KEY,
  SUPABASE_SECRET_KEY: 'sb_secret_benchmark',
  ANON_KEY_ASYMMETRIC: 'anon.token',
  SERVICE_ROLE_KEY_ASYMMETRIC: 'service.token',
}
