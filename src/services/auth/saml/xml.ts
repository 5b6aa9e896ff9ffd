// XML as SAML needs it: no document types (so no entities of a stranger's making), bounded, and read by namespace.
import { DOMParser } from '@xmldom/xmldom'

export const NS = {
  protocol: 'urn:oasis:names:tc:SAML:2.0:protocol',
  assertion: 'urn:oasis:names:tc:SAML:2.0:assertion',
  metadata: 'urn:oasis:names:tc:SAML:2.0:metadata',
  signature: 'http://www.w3.org/2000/09/xmldsig#',
  encryption: 'http://www.w3.org/2001/04/xmlenc#',
} as const

export type XmlElement = Element
const MAX_LENGTH = 1 << 20
const MAX_DEPTH = 100
const ELEMENT_NODE = 1

/** The root element. Throws for what is not well-formed, has a document type, or is too deep. */
export function parseXml(text: string): XmlElement {
  if (text.length > MAX_LENGTH) throw new Error('the XML is too long')
  // Whatever form an entity takes, it is declared in a document type.
  if (/<!DOCTYPE|<!ENTITY|<!ELEMENT|<!ATTLIST/i.test(text)) throw new Error('the XML has a document type')
  const fail = (words: unknown): never => {
    throw new Error(`the XML is not well-formed: ${String(words).split('\n', 1)[0]}`)
  }
  const document = new DOMParser({ errorHandler: { warning: fail, error: fail, fatalError: fail } }).parseFromString(text, 'text/xml')
  const root = document?.documentElement
  if (!root) throw new Error('the XML has no element')
  checkDepth(root, 0)
  return root
}

function checkDepth(element: XmlElement, depth: number): void {
  if (depth > MAX_DEPTH) throw new Error('the XML is too deep')
  for (const inner of elementsOf(element)) checkDepth(inner, depth + 1)
}

export function elementsOf(element: XmlElement): readonly XmlElement[] {
  const found: XmlElement[] = []
  for (let node: Node | null = element.firstChild; node; node = node.nextSibling)
    if (node.nodeType === ELEMENT_NODE) found.push(node as Element)
  return found
}

export const is = (element: XmlElement, namespace: string, name: string): boolean =>
  element.namespaceURI === namespace && element.localName === name
export const childrenOf = (element: XmlElement, namespace: string, name: string): readonly XmlElement[] =>
  elementsOf(element).filter((inner) => is(inner, namespace, name))
export const childOf = (element: XmlElement | undefined, namespace: string, name: string): XmlElement | undefined =>
  element && childrenOf(element, namespace, name)[0]

/** All of that name below, at any depth. */
export function allOf(element: XmlElement, namespace: string, name: string): readonly XmlElement[] {
  return elementsOf(element).flatMap((inner) => [...(is(inner, namespace, name) ? [inner] : []), ...allOf(inner, namespace, name)])
}

/** Text with comments left out and never cut at one: `a<!---->b` is `ab`. */
export const textOf = (element: XmlElement | undefined): string => element?.textContent?.trim() ?? ''
/** `''` when absent. */
export const attribute = (element: XmlElement | undefined, name: string): string => element?.getAttribute(name) ?? ''

/** Milliseconds of an xs:dateTime in UTC; undefined when absent. Throws for anything else. */
export function timeOf(text: string): number | undefined {
  if (text === '') return undefined
  const at = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})?$/.test(text)
    ? Date.parse(/(Z|[+-]\d{2}:\d{2})$/.test(text) ? text : `${text}Z`)
    : Number.NaN
  if (Number.isNaN(at)) throw new Error('a time is not one')
  return at
}

/** Milliseconds of an xs:duration (`PT1H30M`, `P1D`); months and years as 30 and 365 days. Undefined for anything else. */
export function durationOf(text: string): number | undefined {
  const match = /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/.exec(text)
  if (!match || text === 'P') return undefined
  const [years = 0, months = 0, days = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1).map((part) => Number(part ?? 0))
  return (((years * 365 + months * 30 + days) * 24 + hours) * 3_600 + minutes * 60 + seconds) * 1_000
}

export const escapeXml = (text: string): string => text.replace(/[&<>"'\t\n\r]/g, (c) => `&#${c.charCodeAt(0)};`)
