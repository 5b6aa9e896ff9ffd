// Second factors from outside: codes of an app, codes by phone, security keys; and passkeys, which are a first one.
import type { Client } from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { codeAt } from '../../src/services/auth/mfa/totp.ts'
import { type FakeSmsProviders, startSmsProviders, TWILIO, taken } from '../fakes/sms-providers.ts'
import { startAuthDatabase } from '../support/auth-database.ts'
import { claimsOf, type Json, rowsOf, signedIn, startAuth, type TestAuth } from '../support/auth-service.ts'
import { SoftAuthenticator } from '../support/authenticator.ts'
import type { TestPostgres } from '../support/postgres.ts'

const ORIGIN = 'https://app.example'
let server: TestPostgres
let sql: Client
let sms: FakeSmsProviders
let auth: TestAuth
beforeAll(async () => {
  ;[{ server, sql }, sms] = await Promise.all([startAuthDatabase('factors'), startSmsProviders()])
  auth = await start()
})
afterAll(async () => {
  await auth?.[Symbol.asyncDispose]()
  await sms?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})
beforeEach(() => {
  sms.answer = taken
})

const start = (variables: Record<string, string> = {}) =>
  startAuth(server, 'factors', {
    GOTRUE_MFA_PHONE_ENROLL_ENABLED: 'true',
    GOTRUE_MFA_PHONE_VERIFY_ENABLED: 'true',
    GOTRUE_MFA_PHONE_MAX_FREQUENCY: '1ms',
    GOTRUE_MFA_PHONE_TEMPLATE: 'Factor {{ .Code }}',
    GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED: 'true',
    GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED: 'true',
    GOTRUE_PASSKEY_ENABLED: 'true',
    GOTRUE_PASSKEY_MAX_PASSKEYS_PER_USER: '3',
    GOTRUE_WEBAUTHN_RP_ID: 'app.example',
    GOTRUE_WEBAUTHN_RP_DISPLAY_NAME: 'App',
    GOTRUE_WEBAUTHN_RP_ORIGINS: ORIGIN,
    ...TWILIO,
    ...variables,
  })

let numbers = 15_550_000
const number = (): string => String(++numbers)
const post = (user: Json, path: string, body: unknown = {}, on = auth) => on.call('POST', path, { token: user.access_token, body })
const enroll = async (user: Json, body: object, on = auth): Promise<Json> => {
  const { status, json } = await post(user, '/factors', body, on)
  expect([status, json.msg]).toEqual([200, undefined])
  return json
}
const challenge = async (user: Json, factor: Json, body: unknown = {}): Promise<Json> => {
  const { status, json } = await post(user, `/factors/${factor.id}/challenge`, body)
  expect([status, json.msg]).toEqual([200, undefined])
  return json
}
const sentCode = () => /\d{6}/.exec(sms.last('Messages.json').form['Body']!)![0]
/** A session that has shown a TOTP factor. */
async function strong(on = auth): Promise<Json> {
  const user = await signedIn(on)
  const factor = await enroll(user, { factor_type: 'totp' }, on)
  const { json: asked } = await post(user, `/factors/${factor.id}/challenge`, {}, on)
  const code = codeAt(factor.totp.secret, Date.now())
  const { json } = await post(user, `/factors/${factor.id}/verify`, { challenge_id: asked.id, code }, on)
  return { ...user, ...json, low: user.access_token }
}

describe('a phone factor', () => {
  test('is enrolled, sent its code in its own words, and lifts the session', async () => {
    const user = await signedIn(auth)
    const phone = number()
    const factor = await enroll(user, { factor_type: 'phone', phone: `+${phone}`, friendly_name: 'mobile' })
    expect(factor).toEqual({ id: factor.id, type: 'phone', friendly_name: 'mobile', phone: `+${phone}` })
    const asked = await challenge(user, factor)
    expect(asked).toEqual({ id: asked.id, type: 'phone', expires_at: expect.any(Number) })
    expect(sms.last('Messages.json').form).toMatchObject({ To: `+${phone}`, Body: expect.stringMatching(/^Factor \d{6}$/) })
    const wrong = String((Number(sentCode()) + 1) % 1_000_000).padStart(6, '0')
    expect((await post(user, `/factors/${factor.id}/verify`, { challenge_id: asked.id, code: wrong })).json).toMatchObject({
      error_code: 'mfa_verification_failed',
      msg: 'Invalid MFA Phone code entered',
    })
    const { json } = await post(user, `/factors/${factor.id}/verify`, { challenge_id: asked.id, code: sentCode() })
    expect(claimsOf(json.access_token)).toMatchObject({ aal: 'aal2', amr: [{ method: 'mfa/phone' }, { method: 'password' }] })
    expect((await post(json, '/factors', { factor_type: 'phone', phone })).json.error_code).toBe('mfa_verified_factor_exists')
  })

  test('may be asked by WhatsApp, not by smoke signals, and not too often', async () => {
    await using slow = await start({ GOTRUE_MFA_PHONE_MAX_FREQUENCY: '1h' })
    const user = await signedIn(slow)
    const factor = await enroll(user, { factor_type: 'phone', phone: number() }, slow)
    const ask = (body: unknown) => post(user, `/factors/${factor.id}/challenge`, body, slow)
    expect((await ask({ channel: 'smoke' })).json.msg).toContain("Invalid channel, supported values are 'sms' or 'whatsapp'")
    expect((await ask({ channel: 'whatsapp' })).status).toBe(200)
    expect(sms.last('Messages.json').form).toMatchObject({ To: expect.stringMatching(/^whatsapp:\+/), Channel: 'whatsapp' })
    expect((await ask({})).json).toMatchObject({ code: 429, error_code: 'over_sms_send_rate_limit' })
  })

  test('replaces an unverified one of the same number, and needs a number', async () => {
    const user = await signedIn(auth)
    const phone = number()
    const first = await enroll(user, { factor_type: 'phone', phone })
    const second = await enroll(user, { factor_type: 'phone', phone })
    const { json } = await auth.call('GET', '/user', { token: user.access_token })
    expect(json.factors.map(({ id }: Json) => id)).toEqual([second.id])
    expect(second.id).not.toBe(first.id)
    expect((await post(user, '/factors', { factor_type: 'phone' })).json.msg).toBe('Phone number required to enroll Phone factor')
    expect((await post(user, '/factors', { factor_type: 'phone', phone: 'x' })).json.msg).toBe(
      'Invalid phone number format (E.164 required)',
    )
  })

  test('whose message fails is not challenged', async () => {
    const user = await signedIn(auth)
    const factor = await enroll(user, { factor_type: 'phone', phone: number() })
    sms.answer = () => ({ status: 400, json: { message: 'no', more_info: '' } })
    expect((await post(user, `/factors/${factor.id}/challenge`)).json).toMatchObject({ code: 500, msg: 'error sending message' })
    expect(await rowsOf(sql, 'select from auth.mfa_challenges where factor_id = $1', [factor.id])).toEqual([])
  })

  test('is checked by Twilio Verify, where that makes the codes', async () => {
    await using verify = await start({
      GOTRUE_SMS_PROVIDER: 'twilio_verify',
      GOTRUE_SMS_TWILIO_VERIFY_ACCOUNT_SID: 'AC2',
      GOTRUE_SMS_TWILIO_VERIFY_AUTH_TOKEN: 'tok',
      GOTRUE_SMS_TWILIO_VERIFY_MESSAGE_SERVICE_SID: 'VA1',
    })
    sms.answer = ({ form }) => ({
      json: { sid: 'VE1', status: form['Code'] === '424242' ? 'approved' : 'pending', valid: form['Code'] === '424242' },
    })
    const user = await signedIn(verify)
    const factor = await enroll(user, { factor_type: 'phone', phone: number() }, verify)
    const { json: asked } = await post(user, `/factors/${factor.id}/challenge`, {}, verify)
    const show = (code: string) => post(user, `/factors/${factor.id}/verify`, { challenge_id: asked.id, code }, verify)
    expect((await show('111111')).json).toMatchObject({ code: 403, error_code: 'otp_expired' })
    expect((await show('424242')).status).toBe(200)
  })
})

describe('a WebAuthn factor', () => {
  const verify = (user: Json, factor: Json, asked: Json, type: string, credential_response: unknown) =>
    post(user, `/factors/${factor.id}/verify`, { challenge_id: asked.id, webauthn: { type, credential_response } })
  /** Its session afterwards. */
  async function register(user: Json, device: SoftAuthenticator, name = 'key'): Promise<{ session: Json; factor: Json }> {
    const factor = await enroll(user, { factor_type: 'webauthn', friendly_name: name })
    const asked = await challenge(user, factor)
    const { publicKey } = asked.webauthn.credential_options
    const { status, json } = await verify(user, factor, asked, 'create', device.create(publicKey, { origin: ORIGIN }))
    expect([status, json.msg]).toEqual([200, undefined])
    return { session: { ...user, ...json }, factor }
  }

  test('is created by its first challenge and signs from then on', async () => {
    const user = await signedIn(auth)
    const device = new SoftAuthenticator('ES256', 'ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4')
    const { session, factor } = await register(user, device)
    expect(claimsOf(session.access_token)).toMatchObject({ aal: 'aal2', amr: [{ method: 'mfa/webauthn' }, { method: 'password' }] })
    expect(session.user.factors).toMatchObject([
      {
        id: factor.id,
        status: 'verified',
        factor_type: 'webauthn',
        web_authn_aaguid: 'ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4',
        last_webauthn_challenge_data: { type: 'create' },
      },
    ])
    expect(JSON.stringify(session.user)).not.toContain('publicKey')
    const { json: again } = await auth.call('POST', '/token?grant_type=password', { body: { email: user.email, password: user.password } })
    const asked = await challenge(again, factor)
    expect(asked.webauthn).toMatchObject({
      type: 'request',
      credential_options: {
        publicKey: { rpId: 'app.example', allowCredentials: [{ type: 'public-key', id: device.id.toString('base64url') }] },
      },
    })
    const shown = device.get(asked.webauthn.credential_options.publicKey, { origin: ORIGIN })
    const { json } = await verify(again, factor, asked, 'request', shown)
    expect(claimsOf(json.access_token).aal).toBe('aal2')
    expect((await verify(json, factor, asked, 'request', shown)).json.error_code).toBe('mfa_factor_not_found')
  })

  test('of twenty with one signature, one succeeds', async () => {
    const user = await signedIn(auth)
    const device = new SoftAuthenticator()
    const { session, factor } = await register(user, device)
    const asked = await challenge(session, factor)
    const shown = device.get(asked.webauthn.credential_options.publicKey, { origin: ORIGIN })
    const replies = await Promise.all(Array.from({ length: 20 }, () => verify(session, factor, asked, 'request', shown)))
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  test('is not replaced by a new credential, nor shown by somebody else’s', async () => {
    const [user, other] = [await signedIn(auth), await signedIn(auth)]
    const [device, thief] = [new SoftAuthenticator(), new SoftAuthenticator()]
    const { factor } = await register(user, device)
    await register(other, thief)
    const { json: low } = await auth.call('POST', '/token?grant_type=password', { body: { email: user.email, password: user.password } })
    const asked = await challenge(low, factor)
    const { publicKey } = asked.webauthn.credential_options
    const made = new SoftAuthenticator().create({ ...publicKey, rp: { id: 'app.example' }, user: { id: '' } }, { origin: ORIGIN })
    expect((await verify(low, factor, asked, 'create', made)).json).toMatchObject({ code: 400, msg: 'Invalid credential_response' })
    expect((await verify(low, factor, asked, 'request', thief.get(publicKey, { origin: ORIGIN }))).json).toMatchObject({
      code: 500,
      msg: 'Failed to validate WebAuthn MFA response',
    })
    expect((await verify(low, factor, asked, 'request', device.get(publicKey, { origin: 'https://evil.example' }))).status).toBe(500)
    expect((await verify(low, factor, asked, 'request', device.get(publicKey, { origin: ORIGIN }))).status).toBe(200)
  })

  test('needs its parameters', async () => {
    const user = await signedIn(auth)
    const factor = await enroll(user, { factor_type: 'webauthn' })
    const asked = await challenge(user, factor)
    const send = (webauthn: unknown) => post(user, `/factors/${factor.id}/verify`, { challenge_id: asked.id, webauthn })
    expect((await send(undefined)).json.msg).toBe('WebAuthn config required')
    expect((await send({ type: 'x' })).json.msg).toBe('WebAuthn type must be create or request')
    expect((await send({ type: 'create' })).json.msg).toBe('credential_response required')
    expect((await send({ type: 'create', credential_response: { id: 1 } })).json.msg).toBe('Invalid credential_response')
    expect((await post(user, `/factors/${factor.id}/challenge`, '')).json.error_code).toBe('bad_json')
  })

  test('goes with what it had lifted', async () => {
    const { session, factor } = await register(await signedIn(auth), new SoftAuthenticator())
    expect((await auth.call('DELETE', `/factors/${factor.id}`, { token: session.access_token })).json).toEqual({ id: factor.id })
    const { json } = await auth.call('POST', '/token?grant_type=refresh_token', { body: { refresh_token: session.refresh_token } })
    expect(claimsOf(json.access_token)).toMatchObject({ aal: 'aal1', amr: [{ method: 'password' }] })
  })

  test('is made for SITE_URL where no site is named', async () => {
    await using plain = await start({
      GOTRUE_PASSKEY_ENABLED: 'false',
      GOTRUE_WEBAUTHN_RP_ID: '',
      GOTRUE_WEBAUTHN_RP_ORIGINS: '',
      GOTRUE_SITE_URL: 'https://site.example/app',
    })
    const user = await signedIn(plain)
    const factor = await enroll(user, { factor_type: 'webauthn' }, plain)
    const { json: asked } = await post(user, `/factors/${factor.id}/challenge`, { webauthn: { rpId: 'evil.example' } }, plain)
    const { publicKey } = asked.webauthn.credential_options
    expect(publicKey.rp).toMatchObject({ id: 'site.example' })
    const response = new SoftAuthenticator().create(publicKey, { origin: 'https://site.example' })
    const webauthn = { type: 'create', credential_response: response }
    expect((await post(user, `/factors/${factor.id}/verify`, { challenge_id: asked.id, webauthn }, plain)).status).toBe(200)
  })
})

describe('a passkey', () => {
  const start = async (user: Json): Promise<Json> => (await post(user, '/passkeys/registration/options')).json
  async function register(user: Json, device: SoftAuthenticator): Promise<Json> {
    const { challenge_id, options } = await start(user)
    const { status, json } = await post(user, '/passkeys/registration/verify', {
      challenge_id,
      credential: device.create(options, { origin: ORIGIN }),
    })
    expect([status, json.msg]).toEqual([200, undefined])
    return json
  }
  const open = async (): Promise<Json> => (await auth.call('POST', '/passkeys/authentication/options', { body: {} })).json
  const enter = (challenge_id: string, credential: unknown) =>
    auth.call('POST', '/passkeys/authentication/verify', { body: { challenge_id, credential } })
  async function signIn(device: SoftAuthenticator, wrong: object = {}) {
    const { challenge_id, options } = await open()
    return enter(challenge_id, device.get(options, { origin: ORIGIN, ...wrong }))
  }

  test('is registered, signs in by itself, and is listed, renamed and deleted', async () => {
    const user = await signedIn(auth)
    const device = new SoftAuthenticator('ES256', '08987058-cadc-4b81-b6e1-30de50dcbe96')
    const begun = await start(user)
    expect(begun).toMatchObject({
      options: {
        rp: { id: 'app.example', name: 'App' },
        user: { name: user.email, displayName: user.email },
        attestation: 'none',
        authenticatorSelection: { residentKey: 'required', userVerification: 'preferred' },
      },
    })
    const passkey = await register(user, device)
    expect(passkey).toEqual({ id: passkey.id, friendly_name: 'Windows Hello', created_at: expect.any(String) })
    const { status, json } = await signIn(device)
    expect([status, json.user?.id]).toEqual([200, user.id])
    expect(claimsOf(json.access_token)).toMatchObject({ aal: 'aal1', amr: [{ method: 'passkey' }] })
    const list = await auth.call('GET', '/passkeys', { token: json.access_token })
    expect(list.json).toMatchObject([{ id: passkey.id, last_used_at: expect.any(String) }])
    const rename = (friendly_name: string) =>
      auth.call('PATCH', `/passkeys/${passkey.id}`, { token: json.access_token, body: { friendly_name } })
    expect((await rename('laptop')).json).toMatchObject({ id: passkey.id, friendly_name: 'laptop' })
    expect((await rename('')).json.msg).toBe('friendly_name is required')
    expect((await rename('é'.repeat(121))).json.msg).toBe('friendly_name must be 120 characters or less')
    expect((await rename('é'.repeat(120))).status).toBe(200)
    const remove = () => auth.call('DELETE', `/passkeys/${passkey.id}`, { token: json.access_token })
    expect([(await remove()).status, (await remove()).status]).toEqual([204, 404])
    expect((await signIn(device)).json).toMatchObject({ error_code: 'webauthn_verification_failed', msg: 'Credential verification failed' })
    const log = await rowsOf(
      sql,
      `select payload->>'action' as action from auth.audit_log_entries where payload->>'actor_id' = $1 order by created_at`,
      [user.id],
    )
    expect(log.map(({ action }) => action).filter((action) => action.startsWith('passkey'))).toEqual([
      'passkey_created',
      'passkey_updated',
      'passkey_updated',
      'passkey_deleted',
    ])
  })

  test('is asked once: of twenty answers to one challenge one succeeds, and a late one none', async () => {
    const user = await signedIn(auth)
    const device = new SoftAuthenticator('EdDSA')
    await register(user, device)
    const { challenge_id, options } = await open()
    const credential = device.get(options, { origin: ORIGIN })
    const replies = await Promise.all(Array.from({ length: 20 }, () => enter(challenge_id, credential)))
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(replies.find(({ status }) => status !== 200)!.json).toMatchObject({
      code: 400,
      error_code: 'webauthn_challenge_not_found',
      msg: 'Challenge not found or already used',
    })
    const late = await open()
    await sql.query(`update auth.webauthn_challenges set expires_at = now() - interval '1 second' where id = $1`, [late.challenge_id])
    expect((await enter(late.challenge_id, device.get(late.options, { origin: ORIGIN }))).json.error_code).toBe(
      'webauthn_challenge_expired',
    )
  })

  test.each([
    ['from another origin', { origin: 'https://evil.example' }],
    ['for another site', { rpId: 'evil.example' }],
    ['without a user handle', { userHandle: null }],
    ['with another user handle', { userHandle: Buffer.from('6f1e1f6e-0000-4000-8000-000000000001').toString('base64url') }],
    ['without anybody there', { flags: 0 }],
  ])('%s signs nobody in', async (_what, wrong) => {
    const user = await signedIn(auth)
    const device = new SoftAuthenticator()
    await register(user, device)
    expect((await signIn(device, wrong)).json).toMatchObject({ code: 400, error_code: 'webauthn_verification_failed' })
  })

  test('of somebody banned or unconfirmed does not sign in', async () => {
    const user = await signedIn(auth)
    const device = new SoftAuthenticator('RS256')
    await register(user, device)
    await sql.query(`update auth.users set banned_until = now() + interval '1 hour' where id = $1`, [user.id])
    expect((await signIn(device)).json).toMatchObject({ code: 403, error_code: 'user_banned' })
    await sql.query('update auth.users set banned_until = null, email_confirmed_at = null where id = $1', [user.id])
    expect((await signIn(device)).json).toMatchObject({ code: 403, error_code: 'email_not_confirmed' })
  })

  test('is the only one of its kind, and one of three at most', async () => {
    const [user, other] = [await signedIn(auth), await signedIn(auth)]
    const device = new SoftAuthenticator()
    await register(user, device)
    const { challenge_id, options } = await start(other)
    const again = await post(other, '/passkeys/registration/verify', {
      challenge_id,
      credential: device.create(options, { origin: ORIGIN }),
    })
    expect(again.json).toMatchObject({ code: 422, error_code: 'webauthn_credential_exists' })
    await register(user, new SoftAuthenticator())
    const open = [await start(user), await start(user)]
    expect(open[0].options.excludeCredentials).toHaveLength(2)
    const replies = await Promise.all(
      open.map(({ challenge_id, options }) =>
        post(user, '/passkeys/registration/verify', {
          challenge_id,
          credential: new SoftAuthenticator().create(options, { origin: ORIGIN }),
        }),
      ),
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 422])
    expect((await post(user, '/passkeys/registration/options')).json).toMatchObject({ error_code: 'too_many_passkeys' })
  })

  test('is managed with the second factor of whoever has one', async () => {
    const user = await strong()
    const { json: low } = await auth.call('POST', '/token?grant_type=password', { body: { email: user.email, password: user.password } })
    expect((await post(low, '/passkeys/registration/options')).json).toMatchObject({ code: 403, error_code: 'insufficient_aal' })
    const passkey = await register(user, new SoftAuthenticator())
    expect((await auth.call('DELETE', `/passkeys/${passkey.id}`, { token: low.access_token })).json.error_code).toBe('insufficient_aal')
    expect((await auth.call('GET', '/passkeys', { token: low.access_token })).status).toBe(200)
  })

  test('is not for anonymous users, strangers, or other people’s challenges', async () => {
    const { json: nobody } = await auth.call('POST', '/signup', { body: {} })
    expect((await post(nobody, '/passkeys/registration/options')).json.error_code).toBe('no_authorization')
    expect((await auth.call('POST', '/passkeys/registration/options')).status).toBe(401)
    const [ann, bob] = [await signedIn(auth), await signedIn(auth)]
    const { challenge_id, options } = await start(ann)
    const credential = new SoftAuthenticator().create(options, { origin: ORIGIN })
    const verify = (user: Json, body: unknown) => post(user, '/passkeys/registration/verify', body)
    expect((await verify(bob, { challenge_id, credential })).json.error_code).toBe('webauthn_challenge_not_found')
    expect((await verify(ann, { credential })).json.msg).toBe('challenge_id is required')
    expect((await verify(ann, { challenge_id })).json.msg).toBe('credential is required')
    expect((await verify(ann, { challenge_id: 'x', credential })).json.msg).toBe('challenge_id must be a valid UUID')
    expect((await verify(ann, { challenge_id, credential: {} })).json).toMatchObject({
      error_code: 'webauthn_verification_failed',
      msg: 'Invalid credential response',
    })
  })

  test('is listed and deleted by administrators, and goes with its user', async () => {
    const user = await signedIn(auth)
    const device = new SoftAuthenticator()
    const passkey = await register(user, device)
    const path = `/admin/users/${user.id}/passkeys`
    expect((await auth.admin('GET', path)).json).toMatchObject([{ id: passkey.id, friendly_name: 'Passkey' }])
    expect((await auth.admin('DELETE', `${path}/${passkey.id}`)).status).toBe(204)
    expect((await auth.admin('DELETE', `${path}/x`)).json).toMatchObject({ code: 404, msg: 'Passkey not found' })
    await register(user, device)
    await auth.admin('DELETE', `/admin/users/${user.id}`, { should_soft_delete: true })
    expect(await rowsOf(sql, 'select from auth.webauthn_credentials where user_id = $1', [user.id])).toEqual([])
  })

  test('is refused where passkeys are off; administrators still see them', async () => {
    await using off = await startAuth(server, 'factors')
    expect((await off.call('POST', '/passkeys/authentication/options')).json).toMatchObject({ code: 404, error_code: 'passkey_disabled' })
    const user = await signedIn(off)
    expect((await off.admin('GET', `/admin/users/${user.id}/passkeys`)).json).toEqual([])
    expect((await off.call('GET', '/settings')).json.passkeys_enabled).toBe(false)
  })
})

test('a second factor without a name is one too many', async () => {
  const user = await signedIn(auth)
  await enroll(user, { factor_type: 'totp' })
  expect((await post(user, '/factors', { factor_type: 'webauthn' })).json).toMatchObject({
    error_code: 'mfa_factor_name_conflict',
    msg: 'A factor with the friendly name "" for this user already exists',
  })
})
