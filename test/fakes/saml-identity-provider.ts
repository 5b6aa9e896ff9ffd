// A SAML identity provider for tests: metadata, and responses signed as one wants them, also wrongly.
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import { SignedXml } from 'xml-crypto'
import { ECDSA } from '../../src/services/auth/saml/ecdsa.ts'
import { samlKey } from '../../src/services/auth/saml/key.ts'

const ASSERTION = 'urn:oasis:names:tc:SAML:2.0:assertion'
const PROTOCOL = 'urn:oasis:names:tc:SAML:2.0:protocol'
export const EMAIL_FORMAT = 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress'

export const newRsaKey = (bits = 2048): KeyObject => generateKeyPairSync('rsa', { modulusLength: bits }).privateKey
export const pkcs1 = (key: KeyObject): string => key.export({ type: 'pkcs1', format: 'der' }).toString('base64')

export interface ResponseOptions {
  readonly audience: string
  readonly acs: string
  readonly requestId?: string
  readonly nameId?: string
  readonly nameIdFormat?: string
  readonly attributes?: Readonly<Record<string, readonly string[]>>
  readonly issuer?: string
  readonly status?: string
  readonly destination?: string
  readonly recipient?: string
  readonly notOnOrAfter?: Date
  readonly notBefore?: Date
  readonly issuedAt?: Date
  readonly sessionEnd?: Date
  readonly sign?: 'assertion' | 'response' | 'both' | 'none'
  readonly key?: KeyObject
  readonly algorithm?: string
  /** Changes the assertion after it was signed. */
  readonly wrap?: (assertion: string) => string
}

export class FakeIdentityProvider {
  readonly entityId = `https://idp.example/${randomUUID()}`
  readonly key: KeyObject
  readonly certificate: string

  /** With an RSA key, unless it brings another: a PEM certificate and its key. */
  constructor(own?: { readonly cert: string; readonly key: string }) {
    this.key = own ? createPrivateKey(own.key) : newRsaKey()
    this.certificate = own
      ? own.cert.replace(/-----[^-]+-----|\s/g, '')
      : samlKey(pkcs1(this.key), 'idp.example', false).certificate.toString('base64')
  }

  metadata(more = ''): string {
    return (
      `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="${this.entityId}"${more}>` +
      `<md:IDPSSODescriptor protocolSupportEnumeration="${PROTOCOL}"><md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">` +
      `<ds:X509Data><ds:X509Certificate>${this.certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>` +
      `<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso?tenant=1"/>` +
      `</md:IDPSSODescriptor></md:EntityDescriptor>`
    )
  }

  assertion(options: ResponseOptions): string {
    const { audience, acs, requestId, nameId = randomUUID(), nameIdFormat = EMAIL_FORMAT, attributes = {} } = options
    const issued = (options.issuedAt ?? new Date()).toISOString()
    const end = (options.notOnOrAfter ?? new Date(Date.now() + 60_000)).toISOString()
    const begin = (options.notBefore ?? new Date(Date.now() - 60_000)).toISOString()
    const statements = Object.entries(attributes).map(
      ([name, values]) =>
        `<saml:Attribute Name="${name}">${values.map((value) => `<saml:AttributeValue>${value}</saml:AttributeValue>`).join('')}</saml:Attribute>`,
    )
    return (
      `<saml:Assertion xmlns:saml="${ASSERTION}" ID="a-${randomUUID()}" Version="2.0" IssueInstant="${issued}"><saml:Issuer>${options.issuer ?? this.entityId}</saml:Issuer>` +
      `<saml:Subject><saml:NameID Format="${nameIdFormat}">${nameId}</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">` +
      `<saml:SubjectConfirmationData${requestId ? ` InResponseTo="${requestId}"` : ''} NotOnOrAfter="${end}" Recipient="${options.recipient ?? acs}"/></saml:SubjectConfirmation></saml:Subject>` +
      `<saml:Conditions NotBefore="${begin}" NotOnOrAfter="${end}"><saml:AudienceRestriction><saml:Audience>${audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>` +
      `<saml:AuthnStatement AuthnInstant="${issued}"${options.sessionEnd ? ` SessionNotOnOrAfter="${options.sessionEnd.toISOString()}"` : ''}/>` +
      `<saml:AttributeStatement>${statements.join('')}</saml:AttributeStatement></saml:Assertion>`
    )
  }

  /** XML. */
  response(options: ResponseOptions, assertion = this.assertion(options)): string {
    const { sign = 'assertion', requestId, acs } = options
    const inner = sign === 'assertion' || sign === 'both' ? this.sign(assertion, 'Assertion', options) : assertion
    const response =
      `<samlp:Response xmlns:samlp="${PROTOCOL}" ID="r-${randomUUID()}" Version="2.0" IssueInstant="${(options.issuedAt ?? new Date()).toISOString()}"` +
      ` Destination="${options.destination ?? acs}"${requestId ? ` InResponseTo="${requestId}"` : ''}><saml:Issuer xmlns:saml="${ASSERTION}">${this.entityId}</saml:Issuer>` +
      `<samlp:Status><samlp:StatusCode Value="${options.status ?? 'urn:oasis:names:tc:SAML:2.0:status:Success'}"/></samlp:Status>` +
      `${options.wrap ? options.wrap(inner) : inner}</samlp:Response>`
    return sign === 'response' || sign === 'both' ? this.sign(response, 'Response', options) : response
  }

  sign(xml: string, element: 'Assertion' | 'Response', { key = this.key, algorithm }: Partial<ResponseOptions> = {}): string {
    const signed = new SignedXml({
      privateKey: key.type === 'secret' ? key.export() : key.export({ type: 'pkcs8', format: 'pem' }),
      signatureAlgorithm: algorithm ?? 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
      canonicalizationAlgorithm: 'http://www.w3.org/2001/10/xml-exc-c14n#',
    } as never)
    Object.assign(signed.SignatureAlgorithms, ECDSA)
    if (algorithm?.includes('hmac')) signed.enableHMAC()
    const xpath = `/*[local-name(.)='${element}']`
    signed.addReference({
      xpath,
      digestAlgorithm: 'http://www.w3.org/2001/04/xmlenc#sha256',
      transforms: ['http://www.w3.org/2000/09/xmldsig#enveloped-signature', 'http://www.w3.org/2001/10/xml-exc-c14n#'],
    })
    signed.computeSignature(xml, { location: { reference: `${xpath}/*[local-name(.)='Issuer']`, action: 'after' } })
    return signed.getSignedXml()
  }
}
