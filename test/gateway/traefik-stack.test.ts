// A self-hosted stack with Traefik's labels in the place of Kong's file: our services answer under the names of the compose file.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createStack } from '../../src/index.ts'
import { freePort } from '../../src/stack/ports.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'traefik-stack-'))
  // The server's user has to reach the data, as root too.
  chmodSync(dir, 0o755)
})
afterEach(() => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }))

const labels = (name: string, path: string, port: number) => `
  ${name}:
    labels:
      - "traefik.enable=true"
      - "traefik.http.routers.${name}.rule=PathPrefix(\`${path}\`) && Host(\`\${DOMAIN}\`)"
      - "traefik.http.services.${name}.loadbalancer.server.port=${port}"
      - "traefik.http.middlewares.${name}-stripprefix.stripprefix.prefixes=${path}"
      - "traefik.http.routers.${name}.middlewares=${name}-stripprefix"
`

test('auth and REST are reached by their labels, at the ports of the stack', async () => {
  const taken = new Set<number>()
  const ports: Record<string, string> = {}
  for (const name of ['KONG_HTTP_PORT', 'KONG_HTTPS_PORT', 'POSTGRES_PORT']) {
    const port = await freePort(taken)
    taken.add(port)
    ports[name] = String(port)
  }
  writeFileSync(join(dir, 'docker-compose.yml'), `services:${labels('rest', '/rest/v1', 3000)}${labels('auth', '/auth/v1', 9999)}`)
  await using stack = await createStack({
    workDir: dir,
    env: {
      PLINTH_SERVICES: 'db,gateway,auth,rest',
      DOMAIN: '127.0.0.1',
      TRAEFIK_ENTRYPOINTS_WEB_ADDRESS: ':80',
      TRAEFIK_PROVIDERS_COMPOSE_FILENAME: 'docker-compose.yml',
      ...ports,
    },
  })
  const health = await fetch(`${stack.url}/auth/v1/health`)
  expect([health.status, ((await health.json()) as { name: string }).name]).toEqual([200, 'GoTrue'])
  // No key is asked for: REST itself decides, and knows no such table.
  expect((await fetch(`${stack.url}/rest/v1/nothing_here`)).status).toBe(404)
  expect(await (await fetch(`${stack.url}/nowhere`)).text()).toBe('404 page not found\n')
})
