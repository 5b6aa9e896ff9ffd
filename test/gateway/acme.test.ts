// Certificates from a real authority: Pebble, by the name PLINTH_PEBBLE or in the PATH. Without it these tests are skipped.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { Agent, get as plainGet } from 'node:http'
import { Agent as TlsAgent } from 'node:https'
import { type AddressInfo, createServer, type Server, connect as tcpConnect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import acme from 'acme-client'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { readEnv } from '../../src/env/read.ts'
import { Dispatcher } from '../../src/http/dispatch.ts'
import { type ListeningServer, serveEndpoint } from '../../src/http/server.ts'
import { silentLog } from '../../src/log/log.ts'
import { gatewayEnv } from '../../src/services/gateway/env.ts'
import { gateway } from '../../src/services/gateway/index.ts'
import { selfSigned } from '../../src/services/gateway/tls/self-signed.ts'
import { type FakeDns, startDns } from '../fakes/dns.ts'

const pebble = findPebble()

function findPebble(): string | undefined {
  const given = process.env.PLINTH_PEBBLE
  if (given) return existsSync(given) ? given : undefined
  try {
    return execFileSync('sh', ['-c', 'command -v pebble'], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}

/** A port that is known before what it leads to listens. */
async function door(): Promise<{ port: number; lead(to: number): void; server: Server }> {
  let target = 0
  const server = createServer((socket) => {
    const through = tcpConnect(target, '127.0.0.1')
    socket.on('error', () => through.destroy())
    through.on('error', () => socket.destroy())
    socket.pipe(through).pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    server,
    lead: (to) => {
      target = to
    },
  }
}

async function startPebble(folder: string, httpPort: number, tlsPort: number, dns: string): Promise<{ child: ChildProcess; url: string }> {
  const own = selfSigned(['localhost', '127.0.0.1'])
  await Promise.all([writeFile(join(folder, 'cert.pem'), own.cert), writeFile(join(folder, 'key.pem'), own.key)])
  acme.axios.defaults.httpsAgent = new TlsAgent({ ca: own.cert })
  for (let attempt = 0; attempt < 5; attempt++) {
    const free = await door()
    free.server.close()
    const config = {
      pebble: {
        listenAddress: `127.0.0.1:${free.port}`,
        managementListenAddress: '',
        certificate: join(folder, 'cert.pem'),
        privateKey: join(folder, 'key.pem'),
        httpPort,
        tlsPort,
        retryAfter: { authz: 1, order: 1 },
        profiles: { default: { description: 'default', validityPeriod: 7_776_000 } },
      },
    }
    await writeFile(join(folder, 'pebble.json'), JSON.stringify(config))
    const child = spawn(pebble!, ['-config', join(folder, 'pebble.json'), '-dnsserver', dns], {
      env: { PATH: process.env.PATH, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '20' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const listening = await new Promise<boolean>((resolve) => {
      child.once('exit', () => resolve(false))
      const look = (chunk: Buffer) => {
        if (/ACME directory available/.test(String(chunk))) resolve(true)
      }
      child.stdout!.on('data', look)
      child.stderr!.on('data', look)
    })
    if (listening) return { child, url: `https://localhost:${free.port}/dir` }
  }
  throw new Error('pebble does not start')
}

describe.skipIf(pebble === undefined)('with an authority', () => {
  let folder = ''
  let dns: FakeDns
  let child: ChildProcess | undefined
  let directory = ''
  let plain: Awaited<ReturnType<typeof door>>
  let secure: Awaited<ReturnType<typeof door>>
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pebble-'))
    dns = await startDns()
    ;[plain, secure] = await Promise.all([door(), door()])
    ;({ child, url: directory } = await startPebble(folder, plain.port, secure.port, dns.address))
  })
  afterAll(async () => {
    child?.kill()
    plain?.server.close()
    secure?.server.close()
    await dns?.[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  async function start(prefix: string, variables: Record<string, string>) {
    const env = readEnv(gatewayEnv, {
      KONG_PROXY_LISTEN: '127.0.0.1:0, 127.0.0.1:0 http2 ssl',
      KONG_DECLARATIVE_CONFIG_STRING: '{"_format_version":"2.1"}',
      KONG_PREFIX: prefix,
      PLINTH_ACME_DIRECTORY_URL: directory,
      PLINTH_ACME_EMAIL: 'ops@example.org',
      ...variables,
    })
    const running = await gateway.start(env, { log: silentLog, dispatcher: new Dispatcher(), signal: new AbortController().signal })
    const servers = await Promise.all(
      [8000, 8443].map((n) => serveEndpoint(running.endpoints.find(({ port }) => port === n)!, '127.0.0.1', 0)),
    )
    const [http, https] = servers as [ListeningServer, ListeningServer]
    plain.lead(http.port)
    secure.lead(https.port)
    return {
      http: http.port,
      https: https.port,
      async [Symbol.asyncDispose]() {
        await Promise.all(servers.map((server) => server.close(0)))
        await running.stop()
      },
    }
  }

  const issuerOf = async (port: number, servername: string) => {
    const socket = tlsConnect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    const { issuer, subjectaltname } = socket.getPeerCertificate()
    socket.destroy()
    return `${issuer.CN} ${subjectaltname}`
  }

  test.each(['http-01', 'tls-alpn-01'])(
    'a name gets its certificate by %s and keeps it over a restart',
    async (challenge) => {
      const prefix = join(folder, challenge)
      const name = `${challenge}.example.org`
      const settings = { PLINTH_DOMAIN: name, PLINTH_ACME_CHALLENGE: challenge }
      {
        await using running = await start(prefix, settings)
        await vi.waitFor(async () => expect(await issuerOf(running.https, name)).toMatch(/^Pebble .* DNS:/), {
          timeout: 60_000,
          interval: 200,
        })
        expect(await issuerOf(running.https, name)).toContain(`DNS:${name}`)
        expect(await issuerOf(running.https, 'unknown.example.org')).not.toMatch(/^Pebble/)
      }
      expect((await stat(join(prefix, 'ssl/acme.json'))).mode & 0o777).toBe(0o600)
      await using again = await start(prefix, { ...settings, PLINTH_ACME_DIRECTORY_URL: 'https://127.0.0.1:1/dir' })
      expect(await issuerOf(again.https, name)).toMatch(/^Pebble/)
    },
    180_000,
  )

  test('plain requests to a public name are sent to HTTPS, others to their routes', async () => {
    await using running = await start(join(folder, 'redirect'), { PLINTH_DOMAIN: 'www.example.org', KONG_PORT_MAPS: '443:8443,80:8000' })
    const ask = (host: string) =>
      new Promise((resolve, reject) => {
        plainGet({ host: '127.0.0.1', port: running.http, path: '/a?b=1', headers: { host }, agent: new Agent() }, (res) => {
          res.resume()
          resolve([res.statusCode, res.headers.location])
        }).on('error', reject)
      })
    expect(await ask('WWW.example.org')).toEqual([308, 'https://www.example.org/a?b=1'])
    expect(await ask('127.0.0.1')).toEqual([404, undefined])
  })
})
