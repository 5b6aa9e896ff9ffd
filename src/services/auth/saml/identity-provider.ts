// An identity provider as its metadata describes it: name, address, and the keys that it signs with.
import { type KeyObject, X509Certificate } from 'node:crypto'
import { errors } from '../errors.ts'
import type { Outgoing } from '../providers/outgoing.ts'
import { attribute, childOf, childrenOf, durationOf, is, NS, parseXml, textOf, timeOf, type XmlElement } from './xml.ts'

const REDIRECT_BINDING = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect'
const DAY_MS = 86_400_000
const MAX_KEYS = 20

export interface IdentityProvider {
  readonly entityId: string
  /** Of the redirect binding; `''` if it has none. */
  readonly redirectUrl: string
  readonly keys: readonly KeyObject[]
  readonly validUntil: number | undefined
  readonly cacheMs: number | undefined
}

/** Throws `validation_failed` in upstream's words. */
export function readMetadata(xml: string): IdentityProvider {
  if (xml.includes('\ufffd'))
    throw errors.validation('SAML Metadata XML contains invalid UTF-8 characters, which are not supported at this time')
  const entity = entityOf(xml)
  const entityId = attribute(entity, 'entityID')
  if (entityId === '') throw errors.validation('SAML Metadata does not contain an EntityID')
  const [descriptor, another] = childrenOf(entity, NS.metadata, 'IDPSSODescriptor')
  if (!descriptor) throw errors.validation('SAML Metadata does not contain any IDPSSODescriptor')
  if (another) throw errors.validation('SAML Metadata contains multiple IDPSSODescriptors')
  const redirect = childrenOf(descriptor, NS.metadata, 'SingleSignOnService').find(
    (service) => attribute(service, 'Binding') === REDIRECT_BINDING,
  )
  return {
    entityId,
    redirectUrl: attribute(redirect, 'Location'),
    keys: keysOf(descriptor),
    validUntil: timeOf(attribute(entity, 'validUntil')),
    cacheMs: durationOf(attribute(entity, 'cacheDuration')),
  }
}

/** The entity itself, or the first identity provider of a collection. */
function entityOf(xml: string): XmlElement {
  let root: XmlElement
  try {
    root = parseXml(xml)
  } catch (error) {
    throw errors.validation('SAML Metadata is not a valid XML document', error)
  }
  if (is(root, NS.metadata, 'EntityDescriptor')) return root
  const inner = is(root, NS.metadata, 'EntitiesDescriptor')
    ? childrenOf(root, NS.metadata, 'EntityDescriptor').find((entity) => childOf(entity, NS.metadata, 'IDPSSODescriptor'))
    : undefined
  if (!inner) throw errors.validation('SAML Metadata does not contain any IDPSSODescriptor')
  return inner
}

function keysOf(descriptor: XmlElement): readonly KeyObject[] {
  const certificates = childrenOf(descriptor, NS.metadata, 'KeyDescriptor')
    .filter((key) => ['', 'signing'].includes(attribute(key, 'use')))
    .flatMap((key) => childrenOf(childOf(key, NS.signature, 'KeyInfo') ?? key, NS.signature, 'X509Data'))
    .flatMap((data) => childrenOf(data, NS.signature, 'X509Certificate'))
    .slice(0, MAX_KEYS)
  return certificates.map((certificate) => {
    try {
      return new X509Certificate(Buffer.from(textOf(certificate), 'base64')).publicKey
    } catch (error) {
      throw errors.validation('SAML Metadata contains a certificate that cannot be read', error)
    }
  })
}

/** Metadata of a URL that an administrator named: https only, bounded in time and size. */
export async function fetchMetadata(outgoing: Outgoing, url: string): Promise<string> {
  let answer: Awaited<ReturnType<Outgoing['send']>>
  try {
    answer = await outgoing.send(url, { secure: true, headers: { accept: 'application/xml;charset=UTF-8', 'accept-charset': 'UTF-8' } })
  } catch (error) {
    throw errors.samlMetadataFetch(`Unable to fetch SAML Metadata from URL '${url}'`, error)
  }
  if (answer.status !== 200) throw errors.samlMetadataFetch(`HTTP ${answer.status} error fetching SAML Metadata from URL '${url}'`)
  return answer.text
}

/** It says itself how long it holds; if it does not, a day. */
export function isStale({ validUntil, cacheMs }: IdentityProvider, updatedAt: number, now = Date.now()): boolean {
  if (validUntil !== undefined && now > validUntil) return true
  if (cacheMs) return now > updatedAt + cacheMs
  return validUntil === undefined && now > updatedAt + DAY_MS
}
