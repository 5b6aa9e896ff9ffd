// An identity provider for tests: Keycloak, GitLab and GitHub under one roof, with discovery, keys and ID tokens. It checks what it is sent:
// client, secret, redirect address and PKCE.
import { createHash, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export const CLIENT = { id: 'the client', secret: 'its secret?' }
type Profile = Readonly<Record<string, unknown>>

export interface FakeProvider extends AsyncDisposable {
  readonly url: string
  readonly seen: { readonly method: string; readonly path: string; readonly body: string; readonly authorization: string }[]
  /** A person signs in: where their browser goes back to. Profiles by `kc`, `gl`, `gl_emails`, `gh`, `gh_emails`. */
  signIn(location: string, profile: Profile): string
  idToken(claims: object, options?: { key?: KeyObject; kid?: string; alg?: string }): string
  /** From now on signs with another key. */
  rotate(): void
}

export async function startFakeProvider(): Promise<FakeProvider> {
  const codes = new Map<string, { profile: Profile; redirect: string; challenge: string | null }>()
  const tokens = new Map<string, Profile>()
  const seen: FakeProvider['seen'] = []
  let kid = 'first'
  let pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
  let url = ''
  const answers: Readonly<Record<string, (profile: Profile) => unknown>> = {
    '/kc/protocol/openid-connect/userinfo': (p) => p['kc'],
    '/gl/api/v4/user': (p) => p['gl'],
    '/gl/api/v4/user/emails': (p) => p['gl_emails'] ?? [],
    '/gh/api/v3/user': (p) => p['gh'],
    '/gh/api/v3/user/emails': (p) => p['gh_emails'] ?? [],
    '/x/2/users/me': (p) => ({ data: p['x'] }),
  }
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const body = Buffer.concat(parts).toString()
    const path = new URL(request.url ?? '/', 'http://x').pathname
    const authorization = request.headers.authorization ?? ''
    seen.push({ method: request.method ?? '', path, body, authorization })
    const reply = (status: number, json: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(json))
    }
    if (path === '/kc/.well-known/openid-configuration')
      return reply(200, {
        issuer: `${url}/kc`,
        authorization_endpoint: `${url}/kc/auth`,
        token_endpoint: `${url}/kc/token`,
        jwks_uri: `${url}/kc/keys`,
        id_token_signing_alg_values_supported: ['RS256', 'none', 'HS256'],
      })
    if (path === '/kc/keys') return reply(200, { keys: [{ ...pair.publicKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' }] })
    if (/\/(token|access_token)$/.test(path)) {
      const form = new URLSearchParams(body)
      const basic = /^Basic (.+)$/.exec(authorization)?.[1]
      const [id, secret] = basic
        ? Buffer.from(basic, 'base64')
            .toString()
            .split(':')
            .map((part) => decodeURIComponent(part.replaceAll('+', ' ')))
        : [form.get('client_id'), form.get('client_secret')]
      if (id !== CLIENT.id || secret !== CLIENT.secret) return reply(401, { error: 'invalid_client' })
      // GitHub takes the secret in the form only.
      if (basic && path.startsWith('/gh/')) return reply(401, { error: 'invalid_client' })
      const code = codes.get(form.get('code') ?? '')
      const verifier = form.get('code_verifier')
      const challenge = verifier === null ? null : createHash('sha256').update(verifier).digest('base64url')
      if (!code || code.redirect !== form.get('redirect_uri') || code.challenge !== challenge) return reply(400, { error: 'invalid_grant' })
      codes.delete(form.get('code')!)
      const access = `at-${randomUUID()}`
      tokens.set(access, code.profile)
      return reply(200, { access_token: access, token_type: 'bearer', refresh_token: `rt-${access}` })
    }
    const profile = tokens.get(/^Bearer (.+)$/.exec(authorization)?.[1] ?? '')
    if (!profile) return reply(401, { error: 'invalid_token' })
    return answers[path] ? reply(200, answers[path](profile)) : reply(404, {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    seen,
    signIn(location, profile) {
      const { searchParams } = new URL(location)
      const code = `code-${randomUUID()}`
      const redirect = searchParams.get('redirect_uri')!
      codes.set(code, { profile, redirect, challenge: searchParams.get('code_challenge') })
      return `${redirect}?${new URLSearchParams({ code, state: searchParams.get('state')! })}`
    },
    idToken(claims, { key = pair.privateKey, kid: named = kid, alg = 'RS256' } = {}) {
      const now = Math.floor(Date.now() / 1_000)
      const payload = { iss: `${url}/kc`, aud: CLIENT.id, iat: now, exp: now + 600, ...claims }
      const head = [{ alg, typ: 'JWT', kid: named }, payload]
        .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .join('.')
      const signature = alg === 'none' ? '' : sign('sha256', Buffer.from(head), key).toString('base64url')
      return `${head}.${signature}`
    },
    rotate() {
      kid = 'second'
      pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
