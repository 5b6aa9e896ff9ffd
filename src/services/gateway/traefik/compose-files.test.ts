// Compose files with Traefik's labels as guides for a self-hosted Supabase print them: a small one, and one of every service.
import { request as httpsRequest } from 'node:https'
import { describe, expect, test } from 'vitest'
import { startTraefikGateway, type TraefikGateway } from './testing.ts'

const RESOLVER = {
  TRAEFIK_CERTIFICATESRESOLVERS_LETSENCRYPT_ACME_EMAIL: 'ops@example.org',
  TRAEFIK_CERTIFICATESRESOLVERS_LETSENCRYPT_ACME_STORAGE: '/nonexistent/acme.json',
  TRAEFIK_CERTIFICATESRESOLVERS_LETSENCRYPT_ACME_TLSCHALLENGE: 'true',
}

const block = (name: string, path: string, port: number, more: readonly string[] = []) => `
  ${name}:
    image: supabase/${name}
    labels:
      - "traefik.enable=true"
      - "traefik.http.routers.${name}.rule=PathPrefix(\`${path}\`)"
      - "traefik.http.routers.${name}.entrypoints=websecure"
      - "traefik.http.routers.${name}.tls.certresolver=letsencrypt"
      - "traefik.http.services.${name}.loadbalancer.server.port=${port}"
      - "traefik.http.middlewares.${name}-stripprefix.stripprefix.prefixes=${path}"
      - "traefik.http.routers.${name}.middlewares=${name}-stripprefix"
${more.map((line) => `      - "${line}"\n`).join('')}`

const traefik = `
  traefik:
    image: traefik:v3.0
    command:
      - "--providers.docker=true"
      - "--providers.docker.exposedbydefault=false"
      - "--entrypoints.web.address=:80"
      - "--entrypoints.websecure.address=:443"
      - "--certificatesresolvers.letsencrypt.acme.tlschallenge=true"
    ports: ["80:80", "443:443"]
    volumes: ["/var/run/docker.sock:/var/run/docker.sock:ro"]
`
const db = `
  db:
    image: supabase/postgres
    ports: ["5432:5432"]
`

const MINIMAL = `services:${traefik}${db}${block('rest', '/rest/v1', 3000)}${block('auth', '/auth/v1', 9999)}`

const SERVICES = [
  ['rest', '/rest/v1', 3000],
  ['auth', '/auth/v1', 9999],
  ['realtime', '/realtime/v1', 4000],
  ['storage', '/storage/v1', 5000],
  ['functions', '/functions/v1', 9000],
  ['meta', '/pg', 8080],
  ['analytics', '/analytics/v1', 4000],
] as const

// `admin` with the password `secret`, as htpasswd writes it; a compose file doubles the dollars.
const FULL = `services:${traefik}${db}${SERVICES.map(([name, path, port]) => block(name, path, port)).join('')}
  studio:
    image: supabase/studio
    labels:
      traefik.enable: "true"
      traefik.http.routers.studio.rule: Host(\`\${DOMAIN:-studio.example.org}\`)
      traefik.http.routers.studio.entrypoints: websecure
      traefik.http.routers.studio.tls.certresolver: letsencrypt
      traefik.http.routers.studio.middlewares: studio-auth
      traefik.http.middlewares.studio-auth.basicauth.users: "admin:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="
      traefik.http.services.studio.loadbalancer.server.port: 3000
  imgproxy:
    image: darthsim/imgproxy
    expose: ["5001"]
`

async function run(compose: string, variables: Record<string, string>, services: readonly (readonly [string, string, number])[]) {
  const gateway = await startTraefikGateway({
    compose,
    entryPoints: { websecure: 18_443 },
    variables: { TRAEFIK_PROVIDERS_DOCKER_EXPOSEDBYDEFAULT: 'false', ...RESOLVER, ...variables },
  })
  for (const [name, , port] of services)
    gateway.dispatcher.register(
      [name],
      [{ port, handle: (req, res) => res.end(`${name} ${req.url} ${req.headers['x-forwarded-prefix']}`) }],
    )
  return gateway
}

/** Over TLS, with the gateway's own certificate. */
function ask(gateway: TraefikGateway, path: string, headers: Record<string, string> = {}): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    httpsRequest(
      { host: '127.0.0.1', port: gateway.port('websecure'), path, headers, rejectUnauthorized: false, agent: false },
      async (answer) => {
        let text = ''
        for await (const piece of answer) text += piece
        resolve({ status: answer.statusCode ?? 0, text })
      },
    )
      .on('error', reject)
      .end()
  })
}

describe('a compose file as printed', () => {
  test('the small one: two services under their prefixes, over TLS alone, and nothing else', async () => {
    await using gateway = await run(MINIMAL, {}, SERVICES.slice(0, 2))
    expect(await ask(gateway, '/rest/v1/todos?select=id')).toEqual({ status: 200, text: 'rest /todos?select=id /rest/v1' })
    expect(await ask(gateway, '/auth/v1/health')).toEqual({ status: 200, text: 'auth /health /auth/v1' })
    expect((await ask(gateway, '/')).status).toBe(404)
    // A router of websecure is not on web, and one with `tls` takes no plain request.
    expect((await fetch(`${gateway.url('web')}/rest/v1/todos`)).status).toBe(404)
    expect((await fetch(`${gateway.url('websecure')}/rest/v1/todos`)).status).toBe(404)
  })

  test('the whole one: every service that is enabled, the studio behind a password', async () => {
    await using gateway = await run(FULL, { DOMAIN: 'db.example.org' }, [...SERVICES, ['studio', '', 3000], ['imgproxy', '', 5001]])
    for (const [name, path] of SERVICES) expect((await ask(gateway, `${path}/x`)).text).toBe(`${name} /x ${path}`)
    const studio = (authorization?: string) =>
      ask(gateway, '/', { host: 'db.example.org', ...(authorization === undefined ? {} : { authorization }) })
    expect((await studio()).status).toBe(401)
    expect((await studio(`Basic ${Buffer.from('admin:secret').toString('base64')}`)).text).toContain('studio /')
    // Without `traefik.enable` a service has no router, whatever it exposes.
    expect((await ask(gateway, '/', { host: 'imgproxy-project' })).status).toBe(404)
  })

  test('a service that does not run answers 502 or 503, the others go on', async () => {
    await using gateway = await run(MINIMAL, {}, SERVICES.slice(0, 1))
    gateway.dispatcher.declareAbsent(['auth'], 'The service auth is not running yet')
    expect((await ask(gateway, '/auth/v1/health')).status).toBe(503)
    expect((await ask(gateway, '/rest/v1/a')).status).toBe(200)
  })
})
