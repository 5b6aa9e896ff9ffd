// Passkeys and security keys with a real browser's own WebAuthn: what it makes of our options, and what we make of its answers.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { claimsOf, type Json, signedIn, startAuth, type TestAuth } from '../support/auth-service.ts'
import { startPostgres, type TestPostgres } from '../support/postgres.ts'
import { createRoles, createSchemas } from '../support/roles.ts'
import { launchChromium } from './chromium.ts'

/** WebAuthn works on localhost without TLS. Nothing listens there: the page comes from the test. */
const origin = 'http://localhost:3210'
let server: TestPostgres
let auth: TestAuth
let browser: Browser
beforeAll(async () => {
  ;[server, browser] = await Promise.all([startPostgres(), launchChromium()])
  await createRoles(await server.connect())
  await server.database('passkeys')
  await createSchemas(await server.connect('supabase_admin', 'passkeys'))
  auth = await startAuth(server, 'passkeys', {
    GOTRUE_SITE_URL: origin,
    GOTRUE_PASSKEY_ENABLED: 'true',
    GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED: 'true',
    GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED: 'true',
    GOTRUE_WEBAUTHN_RP_ID: 'localhost',
    GOTRUE_WEBAUTHN_RP_DISPLAY_NAME: 'App',
    GOTRUE_WEBAUTHN_RP_ORIGINS: origin,
  })
})
afterAll(async () => {
  await browser?.close()
  await auth?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

/** A page of the site, in a browser with an authenticator whose owner always agrees. */
async function openSite(): Promise<Page & AsyncDisposable> {
  const context = await browser.newContext()
  const page = await context.newPage()
  const devtools = await context.newCDPSession(page)
  await devtools.send('WebAuthn.enable')
  await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  await page.route(`${origin}/**`, (route) => route.fulfill({ contentType: 'text/html', body: '<title>App</title>' }))
  await page.goto(`${origin}/`)
  return Object.assign(page, { [Symbol.asyncDispose]: () => context.close() })
}

/** As clients do it: options from JSON, the credential back to JSON. */
const create = (page: Page, options: Json): Promise<Json> =>
  page.evaluate(`(async () => (await navigator.credentials.create({
    publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(${JSON.stringify(options)}) })).toJSON())()`)
const get = (page: Page, options: Json): Promise<Json> =>
  page.evaluate(`(async () => (await navigator.credentials.get({
    publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(${JSON.stringify(options)}) })).toJSON())()`)
const post = async (path: string, body: unknown, user?: Json): Promise<Json> => {
  const { status, json } = await auth.call('POST', path, { body, ...(user ? { token: user.access_token } : {}) })
  expect([path, status, json?.msg]).toEqual([path, 200, undefined])
  return json
}

test('a browser registers a passkey and signs in with it, and does not register it twice', async () => {
  await using page = await openSite()
  const user = await signedIn(auth)
  const begun = await post('/passkeys/registration/options', {}, user)
  const made = await post(
    '/passkeys/registration/verify',
    { challenge_id: begun.challenge_id, credential: await create(page, begun.options) },
    user,
  )
  expect(made.friendly_name).toEqual(expect.any(String))
  const asked = await post('/passkeys/authentication/options', {})
  const session = await post('/passkeys/authentication/verify', {
    challenge_id: asked.challenge_id,
    credential: await get(page, asked.options),
  })
  expect(claimsOf(session.access_token)).toMatchObject({ sub: user.id, amr: [{ method: 'passkey' }] })
  const again = await post('/passkeys/registration/options', {}, user)
  await expect(create(page, again.options)).rejects.toThrow(/InvalidStateError/)
})

test('a browser’s key is a second factor', async () => {
  await using page = await openSite()
  const user = await signedIn(auth)
  const factor = await post('/factors', { factor_type: 'webauthn', friendly_name: 'key' }, user)
  const show = async (who: Json): Promise<Json> => {
    const asked = await post(`/factors/${factor.id}/challenge`, {}, who)
    const { type, credential_options: options } = asked.webauthn
    const credential_response = await (type === 'create' ? create : get)(page, options.publicKey)
    return post(`/factors/${factor.id}/verify`, { challenge_id: asked.id, webauthn: { type, credential_response } }, who)
  }
  expect(claimsOf((await show(user)).access_token).aal).toBe('aal2')
  const low = await post('/token?grant_type=password', { email: user.email, password: user.password })
  expect(claimsOf(low.access_token).aal).toBe('aal1')
  expect(claimsOf((await show(low)).access_token)).toMatchObject({ aal: 'aal2', amr: [{ method: 'mfa/webauthn' }, { method: 'password' }] })
})
