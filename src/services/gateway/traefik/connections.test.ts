// What an entry point allows a connection, which certificate and versions it shows, and how servers are reached over TLS.
import { once } from 'node:events'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { type TLSSocket, connect as tlsConnect } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { selfSigned } from '../tls/self-signed.ts'
import { startTraefikGateway, type TraefikGateway } from './testing.ts'

const router = (more: object = {}) => ({ rule: 'PathPrefix(`/`)', service: 's', ...more })
const file = (more: object = {}, own: object = {}) => ({
  http: { routers: { r: router(own) }, services: { s: { loadBalancer: { servers: [{ url: 'http://app:80' }] } } } },
  ...more,
})

/** Everything that comes until the gateway ends the connection. */
async function exchange(port: number, ...writes: string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.on('data', (piece) => {
    text += piece.toString('latin1')
  })
  socket.on('error', () => {})
  await once(socket, 'connect')
  for (const piece of writes) socket.write(piece)
  await once(socket, 'close')
  return text
}

describe('a connection to an entry point', () => {
  const start = async (name: string, value: string, more: Record<string, string> = {}) => {
    const gateway = await startTraefikGateway({ file: file(), variables: { [`TRAEFIK_ENTRYPOINTS_WEB_${name}`]: value, ...more } })
    gateway.dispatcher.register(['app'], [{ port: 80, handle: (req, res) => void (req.url === '/never' || res.end('ok')) }])
    return gateway
  }

  test('ends with 408 when the request is not whole within readTimeout', async () => {
    await using gateway = await start('TRANSPORT_RESPONDINGTIMEOUTS_READTIMEOUT', '300ms')
    expect(await exchange(gateway.port(), 'POST /never HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf')).toMatch(
      /^(HTTP\/1\.1 408 .*)?/,
    )
  })

  test('ends when the answer is not whole within writeTimeout', async () => {
    await using gateway = await start('TRANSPORT_RESPONDINGTIMEOUTS_WRITETIMEOUT', '200ms')
    expect(await exchange(gateway.port(), 'GET /never HTTP/1.1\r\nHost: a\r\n\r\n')).toBe('')
  })

  test('ends when nothing is asked for idleTimeout', async () => {
    await using gateway = await start('TRANSPORT_RESPONDINGTIMEOUTS_IDLETIMEOUT', '200ms')
    expect(await exchange(gateway.port(), 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 [\s\S]*ok$/)
  })

  test('is no longer kept after keepAliveMaxRequests', async () => {
    await using gateway = await start('TRANSPORT_KEEPALIVEMAXREQUESTS', '1', {
      TRAEFIK_ENTRYPOINTS_WEB_TRANSPORT_RESPONDINGTIMEOUTS_IDLETIMEOUT: '200ms',
    })
    expect(await exchange(gateway.port(), 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')).toMatch(/\r\nConnection: close\r\n/i)
  })

  test('takes no head over maxHeaderBytes', async () => {
    await using gateway = await start('HTTP_MAXHEADERBYTES', '1024')
    expect(await exchange(gateway.port(), `GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(2000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /)
  })
})

test.each([
  [{ TRAEFIK_ENTRYPOINTS_WEB_PROXYPROTOCOL_TRUSTEDIPS: '10.0.0.0/8' }, /entryPoints\.web\.proxyProtocol: the PROXY protocol is not read/],
  [{ TRAEFIK_ENTRYPOINTS_WEB_TRANSPORT_KEEPALIVEMAXTIME: '10s' }, /keepAliveMaxTime: not served/],
  [{ TRAEFIK_CERTIFICATESRESOLVERS_LE_ACME_DNSCHALLENGE_PROVIDER: 'route53' }, /certificatesResolvers\.le\.acme\.dnsChallenge: not served/],
  [{ TRAEFIK_CERTIFICATESRESOLVERS_LE_ACME_HTTPCHALLENGE_ENTRYPOINT: 'nope' }, /httpChallenge\.entryPoint: no such entry point: nope/],
])('what would weaken or shorten is refused at the start: %j', async (variables, reason) => {
  await expect(startTraefikGateway({ file: file(), variables: variables as unknown as Record<string, string> })).rejects.toThrow(reason)
})

/** The names of the certificate that is shown, or the code of the failure. */
function shown(gateway: TraefikGateway, options: object): Promise<string> {
  return new Promise((resolve) => {
    const socket = tlsConnect({ host: '127.0.0.1', port: gateway.port('websecure'), rejectUnauthorized: false, ...options }, () => {
      resolve(socket.getPeerCertificate().subjectaltname ?? '')
      socket.destroy()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
  })
}

describe('over TLS', () => {
  const start = (options: object, stores: object = {}) =>
    startTraefikGateway({ file: file({ tls: { options: { default: options }, stores } }, { tls: {} }), entryPoints: { websecure: 18_443 } })

  test('the default certificate is for whoever asks for another name, or for none', async () => {
    const pair = selfSigned(['default.example.org'])
    await using gateway = await start({}, { default: { defaultCertificate: { certFile: pair.cert, keyFile: pair.key } } })
    expect(await shown(gateway, {})).toBe('DNS:default.example.org')
    expect(await shown(gateway, { servername: 'other.example.org' })).toBe('DNS:default.example.org')
  })

  test('versions and ciphers are those of the default options', async () => {
    await using strict = await start({ minVersion: 'VersionTLS13' })
    expect(await shown(strict, { maxVersion: 'TLSv1.2' })).toMatch(/^ERR_SSL|ECONNRESET/)
    expect(await shown(strict, {})).toContain('TRAEFIK DEFAULT CERT')
    await using chosen = await start({ cipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'] })
    const only = (ciphers: string) => shown(chosen, { maxVersion: 'TLSv1.2', ciphers })
    expect(await only('ECDHE-ECDSA-AES256-GCM-SHA384')).toContain('TRAEFIK DEFAULT CERT')
    expect(await only('ECDHE-ECDSA-AES128-GCM-SHA256')).toMatch(/^ERR_SSL|ECONNRESET/)
  })

  test.each([
    [{ default: { clientAuth: { clientAuthType: 'RequireAndVerifyClientCert', caFiles: ['ca.pem'] } } }, undefined],
    [{ default: { sniStrict: true } }, undefined],
    [{ default: { cipherSuites: ['TLS_NULL'] } }, undefined],
    [{ mine: { minVersion: 'VersionTLS13' } }, 'mine'],
  ])('a router whose options %j cannot be kept is not there', async (options, named) => {
    await using gateway = await startTraefikGateway({
      file: file({ tls: { options } }, { tls: named === undefined ? {} : { options: named } }),
      entryPoints: { websecure: 18_443 },
      variables: { TRAEFIK_API_INSECURE: 'true' },
    })
    const router = (await (await fetch(`${gateway.url('traefik')}/api/http/routers/r@file`)).json()) as { status: string; error: string[] }
    expect(router.status).toBe('disabled')
    expect(router.error[0]).toMatch(/^TLS options/)
  })
})

describe('to servers over TLS', () => {
  const own = selfSigned(['app.example.org'])
  const client = selfSigned(['gateway.example.org'])

  async function ask(transport: object, server: { asks?: boolean } = {}): Promise<number> {
    const upstream = createHttpsServer({ ...own, ...(server.asks && { requestCert: true, rejectUnauthorized: false }) }, (req, res) => {
      const known = !server.asks || (req.socket as TLSSocket).getPeerCertificate().subjectaltname === 'DNS:gateway.example.org'
      res.writeHead(known ? 200 : 503).end()
    })
    upstream.on('tlsClientError', () => {})
    upstream.listen(0, '127.0.0.1')
    await once(upstream, 'listening')
    try {
      await using gateway = await startTraefikGateway({
        file: {
          http: {
            routers: { r: router() },
            serversTransports: { t: transport },
            services: {
              s: {
                loadBalancer: {
                  serversTransport: 't',
                  servers: [{ url: `https://127.0.0.1:${(upstream.address() as AddressInfo).port}` }],
                },
              },
            },
          },
        },
      })
      return (await fetch(`${gateway.url()}/`)).status
    } finally {
      upstream.closeAllConnections()
      upstream.close()
    }
  }

  const trusting = { rootCAs: [own.cert], serverName: 'app.example.org' }
  const pair = { certFile: client.cert, keyFile: client.key }

  test('a certificate counts that rootCAs vouch for, for serverName', async () => {
    expect(await ask(trusting)).toBe(200)
    expect(await ask({ insecureSkipVerify: true })).toBe(200)
    expect(await ask({ serverName: 'app.example.org' })).toBeGreaterThanOrEqual(500)
    expect(await ask({ ...trusting, serverName: 'other.example.org' })).toBeGreaterThanOrEqual(500)
  })

  test('the gateway shows its own certificate where it has one', async () => {
    expect(await ask({ ...trusting, certificates: [pair] }, { asks: true })).toBe(200)
    expect(await ask(trusting, { asks: true })).toBeGreaterThanOrEqual(500)
  })

  test.each([
    { rootCAs: ['/nonexistent.pem'] },
    { cipherSuites: ['TLS_AES_128_GCM_SHA256'] },
    { certificates: [{ certFile: client.cert, keyFile: own.key }] },
  ])('one that cannot be kept disables its services: %#', async (transport) => {
    expect(await ask(transport)).toBeGreaterThanOrEqual(404)
  })
})
