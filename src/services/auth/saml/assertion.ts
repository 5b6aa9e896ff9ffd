// What an assertion says of a person: an id that stays, an address, and the claims that the mapping asks for.
import { z } from 'zod'
import type { JsonMap } from '../request/body.ts'
import { NAME_ID } from './service-provider.ts'
import { attribute, childOf, childrenOf, NS, textOf, timeOf, type XmlElement } from './xml.ts'

const SUBJECT_ID = 'urn:oasis:names:tc:SAML:attribute:subject-id'
const EMAIL_ATTRIBUTES = [
  'urn:oid:0.9.2342.19200300.100.1.3',
  'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress',
  'http://schemas.xmlsoap.org/claims/EmailAddress',
  'mail',
  'Mail',
  'email',
]

export const attributeMapping = z.object({
  keys: z
    .record(
      z.string(),
      z.object({
        name: z.string().optional(),
        names: z.array(z.string()).optional(),
        default: z.unknown().optional(),
        array: z.boolean().optional(),
      }),
    )
    .nullish()
    .transform((value) => value ?? undefined),
})
export type AttributeMapping = z.output<typeof attributeMapping>

/** Values of the attribute of that name or friendly name. */
export function valuesOf(assertion: XmlElement, name: string): readonly string[] {
  return childrenOf(assertion, NS.assertion, 'AttributeStatement')
    .flatMap((statement) => childrenOf(statement, NS.assertion, 'Attribute'))
    .filter((element) => attribute(element, 'Name') === name || attribute(element, 'FriendlyName') === name)
    .flatMap((element) => childrenOf(element, NS.assertion, 'AttributeValue').map(textOf))
}

function nameIdOf(assertion: XmlElement): { readonly value: string; readonly format: string } {
  const element = childOf(childOf(assertion, NS.assertion, 'Subject'), NS.assertion, 'NameID')
  return { value: textOf(element), format: attribute(element, 'Format') }
}

/** `''` when there is none that lasts. */
export function userIdOf(assertion: XmlElement): string {
  const [subjectId] = valuesOf(assertion, SUBJECT_ID)
  if (subjectId !== undefined) return subjectId
  const { value, format } = nameIdOf(assertion)
  if (format === NAME_ID.email) return value.toLowerCase()
  return format === NAME_ID.transient ? '' : value
}

export function emailOf(assertion: XmlElement): string {
  const named = EMAIL_ATTRIBUTES.flatMap((name) => valuesOf(assertion, name)).find((value) => value !== '')
  if (named !== undefined) return named
  const { value, format } = nameIdOf(assertion)
  return format === NAME_ID.email ? value : ''
}

/** The first name that has a value gives it (all of them, for a list); else the default. */
export function mapClaims(assertion: XmlElement, { keys = {} }: AttributeMapping): JsonMap {
  const claims = new Map<string, unknown>()
  for (const [key, rule] of Object.entries(keys)) {
    const names = [...(rule.name ? [rule.name] : []), ...(rule.names ?? [])]
    const values = names.map((name) => valuesOf(assertion, name).filter((value) => value !== '')).find((found) => found.length > 0)
    if (values) claims.set(key, rule.array ? values : values[0])
    else if (rule.default !== undefined && rule.default !== null) claims.set(key, rule.default)
  }
  return Object.fromEntries(claims)
}

/** When the identity provider wants the session to end. */
export function sessionEndOf(assertion: XmlElement): Date | undefined {
  for (const statement of childrenOf(assertion, NS.assertion, 'AuthnStatement')) {
    const at = timeOf(attribute(statement, 'SessionNotOnOrAfter'))
    if (at !== undefined) return new Date(at)
  }
  return undefined
}
