// We as identity providers see us: our names and addresses, our metadata, and the requests that we send people with.
import { randomBytes, sign } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import type { AuthEnv } from '../env.ts'
import { queryEscape } from '../request/form.ts'
import type { IdentityProvider } from './identity-provider.ts'
import { type SamlKey, samlKey } from './key.ts'
import { escapeXml, NS } from './xml.ts'

const BINDING = 'urn:oasis:names:tc:SAML:2.0:bindings'
export const NAME_ID = {
  persistent: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
  email: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
  transient: 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient',
  unspecified: 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified',
} as const
const RSA_SHA256 = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256'
const ENCRYPTION_METHODS = ['aes128-cbc', 'aes192-cbc', 'aes256-cbc', 'rsa-oaep-mgf1p'].map((name) => `${NS.encryption}${name}`)
const DAY_MS = 86_400_000

export interface ServiceProvider {
  /** Our entity id, which is where our metadata is. */
  readonly entityId: string
  readonly acsUrl: string
  readonly key: SamlKey
  /** The key that is about to take over. */
  readonly nextKey: SamlKey | undefined
  readonly allowEncrypted: boolean
}

/** Undefined where SAML is off. */
export function serviceProviderOf(env: AuthEnv): ServiceProvider | undefined {
  if (!env.GOTRUE_SAML_ENABLED || !env.GOTRUE_SAML_PRIVATE_KEY) return undefined
  const base = `${(env.GOTRUE_SAML_EXTERNAL_URL ?? env.API_EXTERNAL_URL).replace(/\/$/, '')}/sso/saml`
  const host = new URL(env.API_EXTERNAL_URL).hostname
  const allowEncrypted = env.GOTRUE_SAML_ALLOW_ENCRYPTED_ASSERTIONS
  return {
    entityId: `${base}/metadata`,
    acsUrl: `${base}/acs`,
    key: samlKey(env.GOTRUE_SAML_PRIVATE_KEY, host, allowEncrypted),
    nextKey: env.GOTRUE_SAML_PRIVATE_KEY_NEXT ? samlKey(env.GOTRUE_SAML_PRIVATE_KEY_NEXT, host, allowEncrypted) : undefined,
    allowEncrypted,
  }
}

/** `download`: valid for five years, for identity providers that take a file. */
export function metadataXml(sp: ServiceProvider, download: boolean, now = Date.now()): string {
  const fiveYears = new Date(now)
  fiveYears.setUTCFullYear(fiveYears.getUTCFullYear() + 5)
  const short = new Date(now + 2 * DAY_MS).toISOString()
  const validUntil = download ? fiveYears.toISOString() : short
  const keys = [
    ...(sp.allowEncrypted ? [keyDescriptor('encryption', sp.key, ENCRYPTION_METHODS)] : []),
    keyDescriptor('signing', sp.key),
    ...(sp.nextKey ? [keyDescriptor('signing', sp.nextKey)] : []),
    ...(sp.nextKey && sp.allowEncrypted ? [keyDescriptor('encryption', sp.nextKey)] : []),
  ].join('')
  const acs = escapeXml(sp.acsUrl)
  const slo = escapeXml(sp.acsUrl.replace(/acs$/, 'slo'))
  return (
    `<EntityDescriptor xmlns="${NS.metadata}" validUntil="${validUntil}"${sp.nextKey ? ' cacheDuration="PT1H"' : ''} entityID="${escapeXml(sp.entityId)}">` +
    `<SPSSODescriptor xmlns="${NS.metadata}" validUntil="${short}" protocolSupportEnumeration="${NS.protocol}" WantAssertionsSigned="true">` +
    keys +
    `<SingleLogoutService Binding="${BINDING}:HTTP-POST" Location="${slo}" ResponseLocation="${slo}"></SingleLogoutService>` +
    `<NameIDFormat>${NAME_ID.email}</NameIDFormat><NameIDFormat>${NAME_ID.persistent}</NameIDFormat>` +
    `<AssertionConsumerService Binding="${BINDING}:HTTP-POST" Location="${acs}" index="1"></AssertionConsumerService>` +
    `</SPSSODescriptor></EntityDescriptor>`
  )
}

function keyDescriptor(use: 'signing' | 'encryption', { certificate }: SamlKey, methods: readonly string[] = []): string {
  return (
    `<KeyDescriptor use="${use}"><KeyInfo xmlns="${NS.signature}"><X509Data><X509Certificate>${certificate.toString('base64')}` +
    `</X509Certificate></X509Data></KeyInfo>` +
    methods.map((algorithm) => `<EncryptionMethod Algorithm="${algorithm}"></EncryptionMethod>`).join('') +
    `</KeyDescriptor>`
  )
}

export interface AuthnRequest {
  readonly id: string
  /** Where the browser is sent. */
  url(relayState: string): string
}

/** By the redirect binding, signed over the query. */
export function authnRequest(sp: ServiceProvider, idp: IdentityProvider, nameIdFormat: string | null, now = Date.now()): AuthnRequest {
  const id = `id-${randomBytes(20).toString('hex')}`
  const xml =
    `<samlp:AuthnRequest xmlns:saml="${NS.assertion}" xmlns:samlp="${NS.protocol}" ID="${id}" Version="2.0" IssueInstant="${new Date(now).toISOString()}"` +
    ` Destination="${escapeXml(idp.redirectUrl)}" AssertionConsumerServiceURL="${escapeXml(sp.acsUrl)}" ProtocolBinding="${BINDING}:HTTP-POST">` +
    `<saml:Issuer Format="urn:oasis:names:tc:SAML:2.0:nameid-format:entity">${escapeXml(sp.entityId)}</saml:Issuer>` +
    `<samlp:NameIDPolicy Format="${escapeXml(nameIdFormat ?? NAME_ID.persistent)}" AllowCreate="true"/></samlp:AuthnRequest>`
  const encoded = deflateRawSync(Buffer.from(xml), { level: 9 }).toString('base64')
  return {
    id,
    url(relayState) {
      const signed = `SAMLRequest=${queryEscape(encoded)}&RelayState=${queryEscape(relayState)}&SigAlg=${queryEscape(RSA_SHA256)}`
      const [base, own] = splitQuery(idp.redirectUrl)
      const query = own ? `${own}&${signed}` : signed
      const signature = sign('sha256', Buffer.from(query), sp.key.privateKey).toString('base64')
      return `${base}?${query}&Signature=${queryEscape(signature)}`
    },
  }
}

function splitQuery(url: string): readonly [string, string] {
  const plain = url.split('#', 1)[0]!
  const at = plain.indexOf('?')
  return at < 0 ? [plain, ''] : [plain.slice(0, at), plain.slice(at + 1)]
}
