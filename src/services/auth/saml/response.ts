// The response of an identity provider, believed only as far as its signature reaches: what is read of the person comes from the bytes that
// were verified, never from the document around them.
import type { KeyObject } from 'node:crypto'
import { SignedXml } from 'xml-crypto'
import { decrypt } from 'xml-encryption'
import { ECDSA } from './ecdsa.ts'
import type { IdentityProvider } from './identity-provider.ts'
import type { ServiceProvider } from './service-provider.ts'
import { allOf, attribute, childOf, childrenOf, elementsOf, is, NS, parseXml, textOf, timeOf, type XmlElement } from './xml.ts'

/** How old a response may be, and how far clocks may be apart: upstream's figures. */
const MAX_AGE_MS = 90_000
const CLOCK_SKEW_MS = 180_000
const SUCCESS = 'urn:oasis:names:tc:SAML:2.0:status:Success'
const C14N = 'http://www.w3.org/2001/10/xml-exc-c14n#'
const TRANSFORMS: ReadonlySet<string> = new Set([
  'http://www.w3.org/2000/09/xmldsig#enveloped-signature',
  C14N,
  `${C14N}WithComments`,
  'http://www.w3.org/TR/2001/REC-xml-c14n-20010315',
])
/** Asymmetric ones only: a shared secret could be anybody's public key. */
const SIGNATURES: ReadonlySet<string> = new Set([
  'http://www.w3.org/2000/09/xmldsig#rsa-sha1',
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512',
  'http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1',
  ...Object.keys(ECDSA),
])

export interface Expected {
  readonly sp: ServiceProvider
  readonly idp: IdentityProvider
  /** Of the request that was sent; undefined when the identity provider began. */
  readonly requestId: string | undefined
  readonly key: KeyObject
  readonly now: number
}

/** The verified assertion. Rejects with the reason, which is for the log. */
export async function readResponse(xml: string, expected: Expected): Promise<XmlElement> {
  const root = parseXml(xml)
  if (!is(root, NS.protocol, 'Response')) throw new Error('not a Response')
  checkIds(root)
  checkResponse(root, expected)
  const signedText = signatureOf(root) ? verified(xml, root, expected.idp.keys) : undefined
  const text = signedText ?? xml
  const response = signedText === undefined ? root : parseXml(signedText)
  const plain = childrenOf(response, NS.assertion, 'Assertion')
  const encrypted = childrenOf(response, NS.assertion, 'EncryptedAssertion')
  if (plain.length + encrypted.length !== 1) throw new Error('the response must have exactly one assertion')
  // Another one anywhere is there to be mistaken for the signed one.
  if (allOf(root, NS.assertion, 'Assertion').length !== plain.length) throw new Error('the response hides an assertion')
  if (encrypted[0]) return readEncrypted(encrypted[0], expected, signedText !== undefined)
  const assertion = plain[0]!
  if (signatureOf(assertion)) return checkAssertion(parseXml(verified(text, assertion, expected.idp.keys)), expected)
  if (signedText === undefined) throw new Error('either the Response or Assertion must be signed')
  return checkAssertion(assertion, expected)
}

async function readEncrypted(element: XmlElement, expected: Expected, responseSigned: boolean): Promise<XmlElement> {
  if (!expected.sp.allowEncrypted) throw new Error('encrypted assertions are not allowed')
  const text = await decrypted(element, expected.key)
  const assertion = parseXml(text)
  if (!is(assertion, NS.assertion, 'Assertion')) throw new Error('what was encrypted is not an assertion')
  checkIds(assertion)
  if (allOf(assertion, NS.assertion, 'Assertion').length > 0) throw new Error('the assertion hides another')
  if (signatureOf(assertion)) return checkAssertion(parseXml(verified(text, assertion, expected.idp.keys)), expected)
  if (!responseSigned) throw new Error('either the Response or Assertion must be signed')
  return checkAssertion(assertion, expected)
}

function decrypted(element: XmlElement, key: KeyObject): Promise<string> {
  return new Promise((resolve, reject) => {
    const pem = key.export({ type: 'pkcs1', format: 'pem' })
    // CBC is what most identity providers send; its weakness needs an oracle, and every failure here gets the same answer.
    const options = { key: pem, disallowDecryptionWithInsecureAlgorithm: false, warnInsecureAlgorithm: false }
    decrypt(element.toString(), options, (error, result) => (error ? reject(error) : resolve(result)))
  })
}

const signatureOf = (element: XmlElement): XmlElement | undefined => {
  const found = childrenOf(element, NS.signature, 'Signature')
  if (found.length > 1) throw new Error('an element is signed twice')
  return found[0]
}

/** No two elements share an id: a reference must mean one. */
function checkIds(root: XmlElement): void {
  const seen = new Set<string>()
  const walk = (element: XmlElement): void => {
    for (const name of ['ID', 'Id', 'id']) {
      const id = attribute(element, name)
      if (id === '') continue
      if (seen.has(id)) throw new Error('two elements have one id')
      seen.add(id)
    }
    for (const inner of elementsOf(element)) walk(inner)
  }
  walk(root)
}

/** The canonical text that the element's own signature covers; it must be the element and nothing else. */
function verified(xml: string, element: XmlElement, keys: readonly KeyObject[]): string {
  const signature = signatureOf(element)
  if (!signature) throw new Error('there is no signature')
  const info = childOf(signature, NS.signature, 'SignedInfo')
  const method = attribute(childOf(info, NS.signature, 'SignatureMethod'), 'Algorithm')
  if (!SIGNATURES.has(method)) throw new Error('the signature has an algorithm that is not accepted')
  const references = info ? childrenOf(info, NS.signature, 'Reference') : []
  const id = attribute(element, 'ID')
  if (references.length !== 1 || id === '' || attribute(references[0], 'URI') !== `#${id}`)
    throw new Error('the signature is that of something else')
  const transforms = allOf(references[0]!, NS.signature, 'Transform').map((transform) => attribute(transform, 'Algorithm'))
  if (transforms.length > 2 || transforms.some((name) => !TRANSFORMS.has(name))) throw new Error('the signature transforms what it covers')
  for (const key of keys) {
    const covered = coveredBy(xml, signature, key)
    if (covered === undefined) continue
    const root = parseXml(covered)
    if (attribute(root, 'ID') !== id || root.localName !== element.localName || root.namespaceURI !== element.namespaceURI)
      throw new Error('the signature covers something else')
    return covered
  }
  throw new Error('the signature is not valid')
}

function coveredBy(xml: string, signature: XmlElement, key: KeyObject): string | undefined {
  const signed = new SignedXml({
    publicCert: key.export({ type: 'spki', format: 'pem' }),
    // The key is the one on file, never one that comes along.
    getCertFromKeyInfo: () => null,
  })
  Object.assign(signed.SignatureAlgorithms, ECDSA)
  try {
    signed.loadSignature(signature)
    if (!signed.checkSignature(xml)) return undefined
  } catch {
    return undefined // of another key, or no signature at all: the next key may fit
  }
  const covered = signed.getSignedReferences()
  return covered.length === 1 ? covered[0] : undefined
}

function checkResponse(root: XmlElement, { sp, idp, requestId, now }: Expected): void {
  const destination = attribute(root, 'Destination')
  if ((signatureOf(root) || destination !== '') && destination !== sp.acsUrl) throw new Error('the response is for another address')
  if (requestId !== undefined && attribute(root, 'InResponseTo') !== requestId) throw new Error('the response is to another request')
  const issuedAt = timeOf(attribute(root, 'IssueInstant'))
  if (issuedAt === undefined || issuedAt + MAX_AGE_MS < now) throw new Error('the response is too old')
  const issuer = childOf(root, NS.assertion, 'Issuer')
  if (issuer && textOf(issuer) !== idp.entityId) throw new Error('the response is of another issuer')
  const status = childOf(childOf(root, NS.protocol, 'Status'), NS.protocol, 'StatusCode')
  if (attribute(status, 'Value') !== SUCCESS) throw new Error(`the identity provider answered ${attribute(status, 'Value').slice(0, 100)}`)
}

function checkAssertion(assertion: XmlElement, { sp, idp, requestId, now }: Expected): XmlElement {
  const issuedAt = timeOf(attribute(assertion, 'IssueInstant'))
  if (issuedAt === undefined || issuedAt + MAX_AGE_MS < now) throw new Error('the assertion is too old')
  if (textOf(childOf(assertion, NS.assertion, 'Issuer')) !== idp.entityId) throw new Error('the assertion is of another issuer')
  const subject = childOf(assertion, NS.assertion, 'Subject')
  const confirmations = subject ? childrenOf(subject, NS.assertion, 'SubjectConfirmation') : []
  if (confirmations.length === 0) throw new Error('the assertion confirms nobody')
  for (const confirmation of confirmations) {
    const data = childOf(confirmation, NS.assertion, 'SubjectConfirmationData')
    if (requestId !== undefined && attribute(data, 'InResponseTo') !== requestId) throw new Error('the assertion is to another request')
    if (attribute(data, 'Recipient') !== sp.acsUrl) throw new Error('the assertion is for another recipient')
    const end = timeOf(attribute(data, 'NotOnOrAfter'))
    if (end === undefined || end + CLOCK_SKEW_MS < now) throw new Error('the assertion is over')
  }
  const conditions = childOf(assertion, NS.assertion, 'Conditions')
  const [begin, end] = [timeOf(attribute(conditions, 'NotBefore')), timeOf(attribute(conditions, 'NotOnOrAfter'))]
  if (begin !== undefined && begin - CLOCK_SKEW_MS > now) throw new Error('the assertion is not valid yet')
  if (end !== undefined && end + CLOCK_SKEW_MS < now) throw new Error('the assertion is over')
  const restrictions = conditions ? childrenOf(conditions, NS.assertion, 'AudienceRestriction') : []
  const audiences = restrictions.flatMap((restriction) => childrenOf(restriction, NS.assertion, 'Audience').map(textOf))
  if (restrictions.length > 0 && !audiences.includes(sp.entityId)) throw new Error('the assertion is for another audience')
  return assertion
}
