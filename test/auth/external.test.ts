// Signing in by somebody else from outside: the code flow in both shapes, ID tokens, wallets, and what several do at once.
import { createHash, generateKeyPairSync, randomBytes, sign as signBytes } from 'node:crypto'
import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLIENT, type FakeProvider, startFakeProvider } from '../fakes/identity-provider.ts'
import { startAuthDatabase } from '../support/auth-database.ts'
import { claimsOf, newAddress, rowsOf, signedIn, startAuth, type TestAuth } from '../support/auth-service.ts'
import { startMail, type TestMail } from '../support/mail-service.ts'
import type { TestPostgres } from '../support/postgres.ts'

let server: TestPostgres
let mail: TestMail
let idp: FakeProvider
let sql: Client
let auth: TestAuth
beforeAll(async () => {
  ;[{ server, sql }, mail, idp] = await Promise.all([startAuthDatabase('external'), startMail(), startFakeProvider()])
  const provider = (name: string, path: string) => ({
    [`GOTRUE_EXTERNAL_${name}_ENABLED`]: 'true',
    [`GOTRUE_EXTERNAL_${name}_CLIENT_ID`]: `${CLIENT.id},another`,
    [`GOTRUE_EXTERNAL_${name}_SECRET`]: CLIENT.secret,
    [`GOTRUE_EXTERNAL_${name}_REDIRECT_URI`]: 'http://auth.test/callback',
    [`GOTRUE_EXTERNAL_${name}_URL`]: `${idp.url}/${path}`,
  })
  auth = await startAuth(server, 'external', {
    GOTRUE_SMTP_HOST: '127.0.0.1',
    GOTRUE_SMTP_PORT: String(mail.smtpPort),
    GOTRUE_SMTP_ADMIN_EMAIL: 'admin@kit.example',
    GOTRUE_SECURITY_MANUAL_LINKING_ENABLED: 'true',
    GOTRUE_EXTERNAL_WEB3_SOLANA_ENABLED: 'true',
    GOTRUE_EXTERNAL_WEB3_ETHEREUM_ENABLED: 'true',
    ...provider('KEYCLOAK', 'kc'),
    ...provider('GITHUB', 'gh'),
    ...provider('GITLAB', 'gl'),
    ...provider('X', 'x'),
    GOTRUE_EXTERNAL_X_EMAIL_OPTIONAL: 'true',
  })
})
afterAll(async () => {
  await auth?.[Symbol.asyncDispose]()
  await idp?.[Symbol.asyncDispose]()
  await mail?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

let people = 0
const person = (over: object = {}) => ({
  kc: { sub: `kc-${++people}`, email: newAddress(), email_verified: true, name: 'Kay', ...over },
})
const begin = async (query: string, token?: string): Promise<string> => {
  const answer = await auth.call('GET', `/authorize?${query}`, token ? { token } : {})
  expect(answer.status, answer.text).toBe(302)
  return answer.headers.get('location')!
}
/** Where a redirect leads: its parameters in query and fragment. */
const landed = (answer: { headers: Headers }) => {
  const url = new URL(answer.headers.get('location')!)
  return { url, query: url.searchParams, hash: new URLSearchParams(url.hash.slice(1)) }
}
const signInAt = async (provider: string, profile: object, query = '') =>
  landed(await auth.call('GET', idp.signIn(await begin(`provider=${provider}${query}`), profile as never)))

describe('the code flow', () => {
  test('ends with a session and the tokens of the provider in the fragment', async () => {
    const who = person()
    const { url, hash } = await signInAt('KeyCloak', who)
    expect(url.origin).toBe('https://app.example')
    expect(hash.get('provider_token')).toMatch(/^at-/)
    expect(hash.get('provider_refresh_token')).toMatch(/^rt-at-/)
    expect(claimsOf(hash.get('access_token')!)).toMatchObject({
      email: who.kc.email,
      app_metadata: { provider: 'keycloak', providers: ['keycloak'] },
      amr: [{ method: 'oauth' }],
    })
    expect(await rowsOf(sql, `select 1 from auth.flow_state where referrer = 'https://app.example' and user_id is not null`)).toEqual([])
  })
  test('keeps to itself what a caller must not decide, in any case of letters', async () => {
    const location = new URL(
      await begin(
        'provider=keycloak&Client_ID=evil&REDIRECT_URI=https://evil.example&STATE=x&code_Verifier=v&nonce=n&prompt=login&prompt=none',
      ),
    )
    expect(Object.fromEntries(location.searchParams)).toEqual({
      client_id: CLIENT.id,
      redirect_uri: 'http://auth.test/callback',
      response_type: 'code',
      scope: 'profile email',
      state: expect.stringMatching(/^[0-9a-f-]{36}$/),
      nonce: 'n',
      prompt: 'login',
    })
  })
  test('sends the secret as a header, and in the form where that is refused', async () => {
    const primary = newAddress()
    await signInAt('github', { gh: { id: ++people, login: 'octo' }, gh_emails: [{ email: primary, primary: true, verified: true }] })
    const asked = idp.seen.filter(({ path }) => path === '/gh/login/oauth/access_token').slice(-2)
    expect(asked.map(({ authorization }) => authorization !== '')).toEqual([true, false])
    expect(new URLSearchParams(asked[1]!.body).get('client_secret')).toBe(CLIENT.secret)
  })
  test('proves itself by PKCE to a provider that wants it, once', async () => {
    const location = await begin('provider=x&redirect_to=https://ok.example/in')
    expect(new URL(location).searchParams.get('code_challenge_method')).toBe('S256')
    const back = idp.signIn(location, { x: { id: `x-${++people}`, name: 'No Mail' } })
    const { url, hash } = landed(await auth.call('GET', back))
    expect(url.origin + url.pathname).toBe('https://ok.example/in')
    expect(claimsOf(hash.get('access_token')!)).toMatchObject({ email: '', app_metadata: { provider: 'x' } })
    expect(await rowsOf(sql, 'select 1 from auth.oauth_client_states')).toEqual([])
  })
  test('takes the answer of a provider that posts it', async () => {
    const back = new URL(idp.signIn(await begin('provider=keycloak'), person()))
    const posted = await auth.call('POST', '/callback', {
      body: back.searchParams.toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    expect(posted.status).toBe(302)
    expect(landed(posted).hash.get('access_token')).toBeTruthy()
  })
  test('with a code for the client gives it to one of twenty', async () => {
    const verifier = randomBytes(40).toString('base64url')
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    const who = person()
    await signInAt('keycloak', who)
    const location = await begin(`provider=keycloak&code_challenge=${challenge}&code_challenge_method=S256`)
    const state = new URL(location).searchParams.get('state')!
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => auth.call('GET', idp.signIn(location, who)).then((answer) => landed(answer).query)),
    )
    const codes = answers.map((query) => query.get('code')).filter((code) => code !== null)
    expect(codes).toHaveLength(1)
    expect(answers.filter((query) => query.get('error_code') === 'flow_state_already_used')).toHaveLength(19)
    const exchange = () => auth.call('POST', '/token?grant_type=pkce', { body: { auth_code: codes[0], code_verifier: verifier } })
    const [first, ...others] = (await Promise.all(Array.from({ length: 10 }, exchange))).sort((a, b) => a.status - b.status)
    expect(first).toMatchObject({ status: 200, json: { provider_token: expect.stringMatching(/^at-/) } })
    expect(others.every(({ status }) => status === 404)).toBe(true)
    expect(await rowsOf(sql, 'select 1 from auth.flow_state where id = $1', [state])).toEqual([])
  })
  test('without one gives one session for one state', async () => {
    const who = person()
    await signInAt('keycloak', who)
    const location = await begin('provider=keycloak')
    const before = await rowsOf(sql, 'select count(*)::int as n from auth.sessions')
    const answers = await Promise.all(Array.from({ length: 10 }, () => auth.call('GET', idp.signIn(location, who))))
    expect(answers.filter((answer) => landed(answer).hash.has('access_token'))).toHaveLength(1)
    const after = await rowsOf(sql, 'select count(*)::int as n from auth.sessions')
    expect(after[0].n - before[0].n).toBe(1)
  })
  test.each([
    ['', 303, 'bad_oauth_callback', 'OAuth state parameter missing'],
    ['?state=1', 303, 'bad_oauth_state', 'OAuth state parameter is invalid'],
    ['?state=6f1c0b1e-4a57-4b5e-9e0a-2f6d7c7f5a11', 303, 'bad_oauth_state', 'OAuth state not found or expired'],
  ])('answers /callback%s with %i and %s', async (query, status, code, words) => {
    const answer = await auth.call('GET', `/callback${query}`)
    expect(answer.status).toBe(status)
    expect(Object.fromEntries(landed(answer).query)).toEqual({ error: 'invalid_request', error_code: code, error_description: words })
  })
  test('never names the code or the secret in an error', async () => {
    const back = idp.signIn(await begin('provider=keycloak'), person())
    const { url } = landed(await auth.call('GET', back.replace(/code=code-/, 'code=0123456789-')))
    expect(url.searchParams.get('error_description')).toBe('Unable to exchange external code: 0123')
    expect(url.href).not.toMatch(/0123456789|secret/)
  })
  test('does not trust a target that is not allowed, nor one that comes with the answer', async () => {
    const back = idp.signIn(await begin('provider=keycloak&redirect_to=https://evil.example'), person())
    expect(landed(await auth.call('GET', `${back}&redirect_to=https://ok.example/x`)).url.host).toBe('app.example')
  })
})

describe('accounts', () => {
  test('an address that the provider has verified joins the account that has it; another one makes its own', async () => {
    const user = await signedIn(auth)
    const joined = await signInAt('keycloak', person({ email: user.email.toUpperCase() }))
    expect(claimsOf(joined.hash.get('access_token')!).sub).toBe(user.id)
    const stranger = await signInAt('keycloak', person({ email: user.email, email_verified: false }))
    expect(stranger.query.get('error_code')).toBe('provider_email_needs_verification')
    const rows = await rowsOf(sql, 'select provider from auth.identities where user_id = $1 order by provider', [user.id])
    expect(rows.map(({ provider }) => provider)).toEqual(['email', 'keycloak'])
  })
  test('an identity is linked to the caller, once', async () => {
    const user = await signedIn(auth)
    const who = person()
    const start = await auth.call('GET', '/user/identities/authorize?provider=keycloak&skip_http_redirect=true', {
      token: user.access_token,
    })
    const linked = landed(await auth.call('GET', idp.signIn(start.json.url, who)))
    expect(claimsOf(linked.hash.get('access_token')!).sub).toBe(user.id)
    const again = await auth.call('GET', '/user/identities/authorize?provider=keycloak&skip_http_redirect=true', {
      token: user.access_token,
    })
    expect(landed(await auth.call('GET', idp.signIn(again.json.url, who))).query.get('error_code')).toBe('identity_already_exists')
  })
})

describe('ID tokens', () => {
  const grant = (body: object, token?: string) =>
    auth.call('POST', '/token?grant_type=id_token', { body: { provider: 'keycloak', ...body }, ...(token ? { token } : {}) })
  const claims = () => ({ sub: `kc-${++people}`, email: newAddress(), email_verified: true })

  test('sign in and link, for any of the client ids', async () => {
    const who = claims()
    const answer = await grant({ id_token: idp.idToken({ ...who, aud: ['another', 'third'] }) })
    expect(answer).toMatchObject({ status: 200, json: { user: { email: who.email, app_metadata: { provider: 'keycloak' } } } })
    const linked = await grant({ id_token: idp.idToken(claims()), link_identity: true }, answer.json.access_token)
    expect(linked.json.user.identities).toHaveLength(2)
  })
  test.each<[string, (token: typeof idp.idToken) => object, string]>([
    [
      'a stranger signed',
      (token) => ({ id_token: token(claims(), { key: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey }) }),
      'Bad ID token',
    ],
    ['nobody signed', (token) => ({ id_token: token(claims(), { alg: 'none' }) }), 'Bad ID token'],
    ['claims another algorithm', (token) => ({ id_token: token(claims(), { alg: 'HS256' }) }), 'Bad ID token'],
    ['has no end', (token) => ({ id_token: token({ ...claims(), exp: undefined }) }), 'Bad ID token'],
    ['is over', (token) => ({ id_token: token({ ...claims(), exp: 1 }) }), 'Bad ID token'],
    ['has not begun', (token) => ({ id_token: token({ ...claims(), nbf: 9_999_999_999 }) }), 'Bad ID token'],
    ['is of another issuer', (token) => ({ id_token: token({ ...claims(), iss: 'https://evil.example' }) }), 'Bad ID token'],
    [
      'is not that of the access token',
      (token) => ({ id_token: token({ ...claims(), at_hash: 'AAAA' }), access_token: 'x' }),
      'Bad ID token',
    ],
    ['names nobody', (token) => ({ id_token: token({ ...claims(), sub: '' }) }), 'Missing sub claim in id_token'],
    ['is for two others', (token) => ({ id_token: token({ ...claims(), aud: ['a', 'b'] }) }), 'Unacceptable audience in id_token: [a b]'],
  ])('that %s are refused', async (_name, body, words) => {
    expect((await grant(body(idp.idToken))).json).toEqual({ error: 'invalid request', error_description: words })
  })
  test('are compared with the nonce and the access token that come along', async () => {
    const nonce = createHash('sha256').update('n').digest('hex')
    const hash = createHash('sha256').update('token').digest().subarray(0, 16).toString('base64url')
    const id_token = idp.idToken({ ...claims(), nonce, at_hash: hash })
    expect((await grant({ id_token, nonce: 'n', access_token: 'token' })).status).toBe(200)
    expect((await grant({ id_token, nonce: 'm' })).json).toEqual({ error: 'invalid nonce', error_description: 'Nonces mismatch' })
    expect((await grant({ id_token })).json.error_description).toMatch(/^Passed nonce/)
  })
  test('of a new key lead to its issuer; those of unknown keys only so often', async () => {
    const keysAsked = () => idp.seen.filter(({ path }) => path === '/kc/keys').length
    await grant({ id_token: idp.idToken(claims()) })
    const before = keysAsked()
    await grant({ id_token: idp.idToken(claims()) })
    expect(keysAsked()).toBe(before)
    idp.rotate()
    expect((await grant({ id_token: idp.idToken(claims()) })).status).toBe(200)
    for (let i = 0; i < 20; i++) await grant({ id_token: idp.idToken(claims(), { kid: `unknown-${i}` }) })
    expect(keysAsked() - before).toBeLessThanOrEqual(6)
    expect((await grant({ id_token: idp.idToken(claims()) })).status).toBe(200)
  })
})

describe('wallets', () => {
  const solana = () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    return { privateKey, address: base58(Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url')) }
  }
  const message = (address: string, at = new Date(), domain = 'app.example', uri = `https://${domain}/in`) =>
    `${domain} wants you to sign in with your Solana account:\n${address}\n\nHello\n\nURI: ${uri}\nVersion: 1\nIssued At: ${at.toISOString()}`
  const grant = (chain: string, text: string, signature: string) =>
    auth.call('POST', '/token?grant_type=web3', { body: { chain, message: text, signature } })

  test('of Solana sign in as one user each', async () => {
    const wallet = solana()
    const go = (text: string) => grant('solana', text, signBytes(null, Buffer.from(text), wallet.privateKey).toString('base64'))
    const first = await go(message(wallet.address))
    expect(first).toMatchObject({ status: 200, json: { user: { email: '', identities: [{ id: `web3:solana:${wallet.address}` }] } } })
    expect(claimsOf(first.json.access_token).amr).toMatchObject([{ method: 'web3' }])
    expect((await go(message(wallet.address))).json.user.id).toBe(first.json.user.id)
    expect((await go(message(wallet.address, new Date(Date.now() - 700_000)))).json.error_description).toBe(
      'Solana message was issued too long ago',
    )
    expect((await go(message(wallet.address, new Date(), 'evil.example'))).json.error).toBe('invalid_grant')
  })
  test('of Ethereum sign in whatever the case of their address', async () => {
    const { secp256k1 } = await import('@noble/curves/secp256k1.js')
    const { keccak_256 } = await import('@noble/hashes/sha3.js')
    const key = secp256k1.utils.randomSecretKey()
    const address = `0x${Buffer.from(keccak_256(secp256k1.getPublicKey(key, false).subarray(1)).subarray(12)).toString('hex')}`
    const go = async (shown: string, changed = '') => {
      const text = `app.example wants you to sign in with your Ethereum account:\n${shown}\n\n\nURI: https://app.example/in\nVersion: 1\nChain ID: 1\nNonce: abcdefgh\nIssued At: ${new Date().toISOString()}`
      const hash = keccak_256(Buffer.from(`\x19Ethereum Signed Message:\n${text.length}${text}`))
      const bytes = secp256k1.sign(hash, key, { prehash: false, format: 'recovered' })
      const signature = Buffer.concat([bytes.subarray(1), Buffer.from([bytes[0]! + 27])]).toString('hex')
      return grant('ethereum', text + changed, `0x${signature}`)
    }
    const first = await go(address)
    expect(first).toMatchObject({ status: 200, json: { user: { identities: [{ id: `web3:ethereum:${address}` }] } } })
    expect((await go(`0x${address.slice(2).toUpperCase()}`)).json.user.id).toBe(first.json.user.id)
    expect((await go(address, ' ')).json).toEqual({
      error: 'invalid_grant',
      error_description: 'Signature does not match address in message',
    })
    expect((await grant('ethereum', 'x'.repeat(80), 'ff')).json.msg).toMatch(/^signature must be 65 bytes long/)
  })
})

function base58(bytes: Buffer): string {
  const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
  let value = BigInt(`0x${bytes.toString('hex')}`)
  let text = ''
  for (; value > 0n; value /= 58n) text = alphabet[Number(value % 58n)] + text
  return '1'.repeat(bytes.findIndex((byte) => byte !== 0)) + text
}
