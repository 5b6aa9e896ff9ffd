// Single sign-on by SAML from outside: administration, both ways in, and every way to lie about who one is.
import { createPrivateKey, createPublicKey, createSecretKey, verify, X509Certificate } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'
import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encrypt } from 'xml-encryption'
import { EMAIL_FORMAT, FakeIdentityProvider, newRsaKey, pkcs1, type ResponseOptions } from '../fakes/saml-identity-provider.ts'
import { startAuthDatabase } from '../support/auth-database.ts'
import { claimsOf, newAddress, rowsOf, signedIn, startAuth, type TestAuth } from '../support/auth-service.ts'
import { certificateAuthority } from '../support/certificates.ts'
import type { TestPostgres } from '../support/postgres.ts'

const SP = { audience: 'http://auth.test/sso/saml/metadata', acs: 'http://auth.test/sso/saml/acs' }
const idp = new FakeIdentityProvider()
const spKey = newRsaKey()
let server: TestPostgres
let sql: Client
let auth: TestAuth
let providerId: string
beforeAll(async () => {
  ;({ server, sql } = await startAuthDatabase('saml'))
  auth = await startAuth(server, 'saml', {
    GOTRUE_SAML_ENABLED: 'true',
    GOTRUE_SAML_PRIVATE_KEY: pkcs1(spKey),
    GOTRUE_SAML_ALLOW_ENCRYPTED_ASSERTIONS: 'true',
  })
  const mapping = { keys: { name: { name: 'displayName' }, groups: { names: ['none', 'groups'], array: true }, plan: { default: 'free' } } }
  const made = await auth.admin('POST', '/admin/sso/providers', {
    type: 'saml',
    metadata_xml: idp.metadata(),
    domains: ['corp.example'],
    attribute_mapping: mapping,
    resource_id: 'corp',
  })
  expect(made.status, made.text).toBe(201)
  providerId = made.json.id
})
afterAll(async () => {
  await auth?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

const post = (xml: string, relay = '') =>
  auth.call('POST', '/sso/saml/acs', {
    body: new URLSearchParams({ SAMLResponse: Buffer.from(xml).toString('base64'), RelayState: relay }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
const landed = (answer: { headers: Headers }) => {
  const url = new URL(answer.headers.get('location')!)
  return { url, query: url.searchParams, hash: new URLSearchParams(url.hash.slice(1)) }
}
/** Begins at our side: the request's id and what the browser carries along. */
async function begin(body: object = {}): Promise<{ requestId: string; relay: string; url: URL; xml: string }> {
  const answer = await auth.call('POST', '/sso', { body: { domain: 'corp.example', skip_http_redirect: true, ...body } })
  expect(answer.status, answer.text).toBe(200)
  const url = new URL(answer.json.url)
  const xml = inflateRawSync(Buffer.from(url.searchParams.get('SAMLRequest')!, 'base64')).toString()
  return { requestId: /ID="([^"]+)"/.exec(xml)![1]!, relay: url.searchParams.get('RelayState')!, url, xml }
}

describe('a person of the company', () => {
  test('is sent with a signed request, and comes back as one account', async () => {
    const { requestId, relay, url, xml } = await begin({ redirect_to: 'https://ok.example/in' })
    expect(url.origin + url.pathname).toBe('https://idp.example/sso')
    expect(url.searchParams.get('tenant')).toBe('1')
    expect(xml).toContain(`AssertionConsumerServiceURL="${SP.acs.replaceAll(/[&<>"']/g, '')}"`)
    const signed = url.search.slice(1, url.search.indexOf('&Signature='))
    expect(verify('sha256', Buffer.from(signed), createPublicKey(spKey), Buffer.from(url.searchParams.get('Signature')!, 'base64'))).toBe(
      true,
    )

    const email = newAddress()
    const end = new Date(Date.now() + 3_600_000)
    const options = {
      ...SP,
      requestId,
      nameId: email.toUpperCase(),
      attributes: { displayName: ['Cory'], groups: ['a', 'b'] },
      sessionEnd: end,
    }
    const response = idp.response(options)
    const back = landed(await post(response, relay))
    expect(back.url.origin + back.url.pathname).toBe('https://ok.example/in')
    const claims = claimsOf(back.hash.get('access_token')!)
    expect(claims).toMatchObject({
      email,
      amr: [{ method: 'sso/saml', provider: providerId }],
      app_metadata: { provider: `sso:${providerId}` },
    })
    const [user] = await rowsOf(
      sql,
      `select u.is_sso_user, i.provider_id, i.identity_data, s.not_after from auth.users u join auth.identities i on i.user_id = u.id
       join auth.sessions s on s.user_id = u.id where u.id = $1`,
      [claims.sub],
    )
    expect(user).toMatchObject({
      is_sso_user: true,
      provider_id: email,
      not_after: end,
      identity_data: { iss: idp.entityId, name: 'Cory', email, email_verified: true, custom_claims: { groups: ['a', 'b'], plan: 'free' } },
    })
    // The same response, and the same person again.
    expect(landed(await post(response, relay)).query.get('error_code')).toBe('saml_relay_state_not_found')
    const unasked = landed(await post(idp.response({ ...SP, nameId: email }), 'https://ok.example/again'))
    expect([claimsOf(unasked.hash.get('access_token')!).sub, unasked.url.pathname]).toEqual([claims.sub, '/again'])
  })
  test('may share the address of an ordinary account without touching it', async () => {
    const user = await signedIn(auth)
    const back = landed(await post(idp.response({ ...SP, nameId: user.email })))
    expect(claimsOf(back.hash.get('access_token')!).sub).not.toBe(user.id)
    expect((await auth.call('GET', '/user', { token: user.access_token })).json.identities).toHaveLength(1)
  })
  test('gets a code where the client began with PKCE', async () => {
    const verifier = 'v'.repeat(50)
    const { requestId, relay } = await begin({ code_challenge: verifier, code_challenge_method: 'plain' })
    const code = landed(await post(idp.response({ ...SP, requestId, nameId: newAddress() }), relay)).query.get('code')
    const session = await auth.call('POST', '/token?grant_type=pkce', { body: { auth_code: code, code_verifier: verifier } })
    expect(claimsOf(session.json.access_token).amr).toMatchObject([{ method: 'sso/saml' }])
  })
  test.each(['response', 'both'] as const)('comes by a response with %s signed', async (sign) => {
    expect(landed(await post(idp.response({ ...SP, nameId: newAddress(), sign }))).hash.has('access_token')).toBe(true)
  })
  test('comes by an assertion that is encrypted', async () => {
    const metadata = await auth.call('GET', '/sso/saml/metadata')
    const pem = new X509Certificate(Buffer.from(/<X509Certificate>([^<]+)/.exec(metadata.text)![1]!, 'base64'))
    const options: ResponseOptions = { ...SP, nameId: newAddress(), sign: 'none' }
    const sealed = (assertion: string) =>
      new Promise<string>((resolve, reject) =>
        encrypt(
          assertion,
          {
            rsa_pub: pem.publicKey.export({ type: 'spki', format: 'pem' }),
            pem: pem.toString(),
            encryptionAlgorithm: 'http://www.w3.org/2009/xmlenc11#aes256-gcm',
            keyEncryptionAlgorithm: 'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p',
          },
          (error, result) =>
            error
              ? reject(error)
              : resolve(`<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">${result}</saml:EncryptedAssertion>`),
        ),
      )
    const signed = idp.response(options, await sealed(idp.sign(idp.assertion(options), 'Assertion')))
    expect(landed(await post(signed)).hash.has('access_token')).toBe(true)
    const unsigned = idp.response(options, await sealed(idp.assertion(options)))
    expect(landed(await post(unsigned)).query.get('error_code')).toBe('validation_failed')
  })
})

describe('is refused', () => {
  const stranger = newRsaKey()
  const victim = 'victim@corp.example'
  const evil = (assertion: string) =>
    assertion
      .replace(/ID="[^"]+"/, 'ID="evil"')
      .replace(/<ds:Signature[\s\S]*<\/ds:Signature>|<Signature[\s\S]*<\/Signature>/, '')
      .replace(/(<saml:NameID[^>]*>)[^<]*/, `$1${victim}`)
  const past = new Date(Date.now() - 600_000)
  test.each<[string, Partial<ResponseOptions>]>([
    ['what nobody signed', { sign: 'none' }],
    ['what a stranger signed', { key: stranger }],
    ['what a stranger signed around it', { key: stranger, sign: 'response' }],
    [
      'a signature with our public key as a shared secret',
      { key: createSecretKey(Buffer.from(idp.certificate)), algorithm: 'http://www.w3.org/2000/09/xmldsig#hmac-sha1' },
    ],
    ['another audience', { audience: 'https://another.example' }],
    ['another recipient', { recipient: 'https://another.example' }],
    ['another destination', { destination: 'https://another.example' }],
    ['another issuer within', { issuer: 'https://another.example' }],
    ['a failure', { status: 'urn:oasis:names:tc:SAML:2.0:status:Responder' }],
    ['what is over', { notOnOrAfter: past }],
    ['what is to come', { notBefore: new Date(Date.now() + 600_000) }],
    ['what was issued long ago', { issuedAt: past }],
    ['a change after the signature', { wrap: (a) => a.replace(/(<saml:NameID[^>]*>)[^<]*/, `$1${victim}`) }],
    ['a second assertion before', { wrap: (a) => evil(a) + a }],
    ['a second assertion behind', { wrap: (a) => a + evil(a) }],
    [
      'the signed one inside the evil one',
      { wrap: (a) => evil(a).replace('</saml:Assertion>', `<saml:Advice>${a}</saml:Advice></saml:Assertion>`) },
    ],
    [
      'the signed one inside its own signature',
      {
        wrap: (a) =>
          a.replace(
            /<\/(ds:)?Signature>/,
            (end) => `<ds:Object xmlns:ds="http://www.w3.org/2000/09/xmldsig#">${evil(a)}</ds:Object>${end}`,
          ),
      },
    ],
    ['the signed one moved aside', { wrap: (a) => `${evil(a)}<samlp:Extensions>${a}</samlp:Extensions>` }],
    ['two elements of one id', { wrap: (a) => evil(a).replace('ID="evil"', /ID="[^"]+"/.exec(a)![0]) + a }],
    [
      'the signature of the signed one on another',
      { wrap: (a) => evil(a).replace('</saml:Issuer>', `</saml:Issuer>${/<(ds:)?Signature[\s\S]*Signature>/.exec(a)![0]}`) },
    ],
  ])('%s', async (_name, options) => {
    const answer = await post(idp.response({ ...SP, nameId: newAddress(), ...options }))
    expect(answer.status).toBe(303)
    const { query, hash } = landed(answer)
    expect(query.get('error_code')).toBe('validation_failed')
    expect(query.get('error_description')).toMatch(/^SAML Assertion is not valid </)
    expect(hash.has('access_token')).toBe(false)
    expect(await rowsOf(sql, 'select 1 from auth.users where email = $1', [victim])).toEqual([])
  })
  test('an address that is cut by a comment: the whole of it counts', async () => {
    const email = newAddress()
    const response = idp.response({ ...SP, nameId: `${email}<!-- -->.evil.example` })
    expect(claimsOf(landed(await post(response)).hash.get('access_token')!).email).toBe(`${email}.evil.example`)
  })
  test('a response to another request, and one to none', async () => {
    for (const requestId of ['id-another', undefined]) {
      const { relay } = await begin()
      const answer = await post(idp.response({ ...SP, nameId: newAddress(), ...(requestId ? { requestId } : {}) }), relay)
      expect(landed(answer).query.get('error_description')).toMatch(/^SAML Assertion is not valid/)
    }
  })
  test.each([
    ['<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>', 'an external entity'],
    [`<!DOCTYPE x [<!ENTITY a "${'x'.repeat(50)}"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>`, 'entities that grow'],
  ])('a document type (%#)', async (prologue) => {
    const xml = prologue + idp.response({ ...SP, nameId: 'NAME' }).replace('NAME', '&e;')
    expect(landed(await post(xml)).query.get('error_description')).toBe('SAMLResponse is not a valid XML SAML assertion')
  })
  test.each([
    [{ RelayState: 'neither' }, 'validation_failed', 'SAML RelayState is not a valid UUID or URL'],
    [{}, 'validation_failed', 'SAMLResponse is missing'],
    [{ SAMLResponse: '***' }, 'validation_failed', 'SAMLResponse is not a valid Base64 string'],
    [{ SAMLart: 'x' }, 'validation_failed', 'SAML Artifact response can only be used with SP initiated flow'],
    [
      { SAMLResponse: Buffer.from('<a/>').toString('base64') },
      'saml_idp_not_found',
      'A SAML connection has not been established with this Identity Provider',
    ],
    [
      { RelayState: '6f1c0b1e-4a57-4b5e-9e0a-2f6d7c7f5a11' },
      'saml_relay_state_not_found',
      'SAML RelayState does not exist, try logging in again?',
    ],
  ])('%j as %s', async (form, code, words) => {
    const answer = await auth.call('POST', '/sso/saml/acs', {
      body: new URLSearchParams(form as Record<string, string>).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    expect(answer.status).toBe(303)
    expect(Object.fromEntries(landed(answer).query)).toMatchObject({ error_code: code, error_description: words })
  })
  test('a relay state that is over', async () => {
    const { requestId, relay } = await begin()
    await sql.query(`update auth.saml_relay_states set created_at = now() - interval '3 minutes' where id = $1`, [relay])
    const answer = await post(idp.response({ ...SP, requestId, nameId: newAddress() }), relay)
    expect(landed(answer).query.get('error_code')).toBe('saml_relay_state_expired')
  })
  test('who has no id that lasts, and who has no address', async () => {
    const transient = { nameIdFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient' }
    expect(landed(await post(idp.response({ ...SP, ...transient }))).query.get('error_code')).toBe('saml_assertion_no_user_id')
    expect(landed(await post(idp.response({ ...SP, nameIdFormat: 'x' }))).query.get('error_code')).toBe('saml_assertion_no_email')
  })
})

describe('the administrator', () => {
  test('lists, reads, changes and deletes providers', async () => {
    const other = new FakeIdentityProvider()
    const made = await auth.admin('POST', '/admin/sso/providers', { type: 'saml', metadata_xml: other.metadata(), domains: ['a.example'] })
    expect(made.json).toMatchObject({ saml: { entity_id: other.entityId, attribute_mapping: {} }, domains: [{ domain: 'a.example' }] })
    const path = `/admin/sso/providers/${made.json.id}`
    expect((await auth.admin('GET', '/admin/sso/providers?resource_id=corp')).json.items).toMatchObject([{ id: providerId }])
    expect((await auth.admin('GET', '/admin/sso/providers/resource_corp')).json.id).toBe(providerId)
    expect((await auth.admin('GET', '/admin/sso/providers')).json.items[0].saml).not.toHaveProperty('metadata_xml')
    const changed = await auth.admin('PUT', path, { domains: ['b.example'], disabled: true, name_id_format: EMAIL_FORMAT })
    expect(changed.json).toMatchObject({ domains: [{ domain: 'b.example' }], disabled: true, saml: { name_id_format: EMAIL_FORMAT } })
    expect((await auth.call('POST', '/sso', { body: { domain: 'b.example' } })).json.error_code).toBe('sso_provider_disabled')
    expect(landed(await post(other.response({ ...SP, nameId: newAddress() }))).query.get('error_code')).toBe('sso_provider_disabled')
    expect((await auth.admin('DELETE', path)).status).toBe(200)
    expect((await auth.admin('GET', path)).json).toMatchObject({ code: 404, error_code: 'sso_provider_not_found' })
  })
  test.each<[object, number, string]>([
    [{}, 400, "Only 'saml' supported for SSO provider type"],
    [{ type: 'saml' }, 400, 'Either metadata_xml or metadata_url must be set'],
    [{ type: 'saml', metadata_xml: 'x', metadata_url: 'y' }, 400, 'Only one of metadata_xml or metadata_url needs to be set'],
    [{ type: 'saml', metadata_url: 'nothing' }, 400, 'metadata_url is not a valid URL'],
    [{ type: 'saml', metadata_url: 'http://idp.example/' }, 400, 'metadata_url is not a HTTPS URL'],
    [{ type: 'saml', metadata_xml: '<x/>' }, 400, 'SAML Metadata does not contain any IDPSSODescriptor'],
    [{ type: 'saml', metadata_xml: `<!DOCTYPE a [<!ENTITY b "c">]>${idp.metadata()}` }, 400, 'SAML Metadata is not a valid XML document'],
    [{ type: 'saml', metadata_xml: idp.metadata() }, 422, `SAML Identity Provider with this EntityID (${idp.entityId}) already exists`],
  ])('hears what is wrong with a provider (%#)', async (body, status, words) => {
    const answer = await auth.admin('POST', '/admin/sso/providers', body)
    expect([answer.status, answer.json.msg]).toEqual([status, words])
  })
  test('finds the same certificate in the metadata at every start', async () => {
    const { text, headers } = await auth.call('GET', '/sso/saml/metadata?download=true')
    expect(headers.get('content-type')).toBe('application/xml')
    expect(headers.get('content-disposition')).toBe('attachment; filename="metadata.xml"')
    const certificate = new X509Certificate(Buffer.from(/<X509Certificate>([^<]+)/.exec(text)![1]!, 'base64'))
    expect(certificate.verify(createPublicKey(spKey))).toBe(true)
    expect([certificate.subject, certificate.subjectAltName, certificate.validFrom, certificate.validTo]).toEqual([
      'CN=SAML 2.0 Certificate for auth.test',
      'DNS:_samlsp.auth.test',
      'Jan  1 00:00:00 1970 GMT',
      'Jan  1 00:00:00 2170 GMT',
    ])
    expect((await auth.call('GET', '/sso/saml/metadata')).text).toContain(certificate.raw.toString('base64'))
  })
})

describe('an identity provider that signs by an elliptic curve', () => {
  const ecIdp = new FakeIdentityProvider(certificateAuthority('idp.example').issue('idp.example'))
  const more = 'http://www.w3.org/2001/04/xmldsig-more#'
  beforeAll(async () => {
    const made = await auth.admin('POST', '/admin/sso/providers', {
      type: 'saml',
      metadata_xml: ecIdp.metadata(),
      domains: ['curve.example'],
    })
    expect(made.status, made.text).toBe(201)
  })

  test.each(['ecdsa-sha256', 'ecdsa-sha384', 'ecdsa-sha512'])('%s is believed', async (name) => {
    const answer = landed(await post(ecIdp.response({ ...SP, nameId: newAddress(), algorithm: more + name })))
    expect(answer.hash.get('access_token'), answer.url.href).toBeTruthy()
  })

  test.each<[string, (xml: string) => string]>([
    ['a changed name', (xml) => xml.replace(/(<saml:NameID[^>]*>)[^<]*/, '$1admin@curve.example')],
    ['a changed signature', (xml) => xml.replace(/<SignatureValue>..../, '<SignatureValue>AAAA')],
    ['an empty signature', (xml) => xml.replace(/<SignatureValue>[^<]*/, '<SignatureValue>')],
  ])('%s is not', async (_what, change) => {
    const answer = landed(await post(change(ecIdp.response({ ...SP, nameId: newAddress(), algorithm: `${more}ecdsa-sha256` }))))
    expect(answer.hash.get('access_token')).toBeNull()
    expect(answer.query.get('error')).toBeTruthy()
  })

  test('nor a signature by the curve of somebody else, or one by RSA under its name', async () => {
    const stranger = certificateAuthority('x').issue('x')
    for (const key of [createPrivateKey(stranger.key), idp.key]) {
      const answer = landed(await post(ecIdp.response({ ...SP, nameId: newAddress(), algorithm: `${more}ecdsa-sha256`, key })))
      expect(answer.hash.get('access_token')).toBeNull()
    }
  })
})
