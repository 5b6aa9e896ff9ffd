// SVG that is passed on as SVG: without what runs, what embeds documents, and what could hide either.
import { DOMParser, XMLSerializer } from '@xmldom/xmldom'
import { ImgproxyError } from '../errors.ts'
import { endOfDoctype } from './detect.ts'

const REMOVED: ReadonlySet<string> = new Set([
  'script',
  'foreignobject',
  'handler',
  'listener',
  'iframe',
  'object',
  'embed',
  'audio',
  'video',
])
const ANIMATIONS: ReadonlySet<string> = new Set(['animate', 'set', 'animatetransform', 'animatemotion', 'animatecolor'])
/** Pictures within the picture; other documents could hold scripts of their own. */
const SAFE_DATA = /^data:image\/(png|jpe?g|gif|webp|avif)[;,]/i

/** Throws `Invalid source image` for what is no well-formed XML. */
export function sanitizeSvg(bytes: Buffer): Buffer {
  const text = withoutDoctype(bytes.toString('utf8').replace(/^\uFEFF/, ''))
  try {
    const document = new DOMParser({ errorHandler: { warning: () => {}, error: fail, fatalError: fail } }).parseFromString(
      text,
      'image/svg+xml',
    )
    clean(document)
    return Buffer.from(new XMLSerializer().serializeToString(document))
  } catch (error) {
    if (error instanceof ImgproxyError) throw error
    throw new ImgproxyError('invalid_image', 'the SVG is not well formed', { cause: error })
  }
}

function fail(message: string): never {
  throw new Error(message)
}

/** Walks without recursion: the depth of a document is its author's choice. */
function clean(document: Document): void {
  const waiting: Node[] = [document]
  for (let parent = waiting.pop(); parent !== undefined; parent = waiting.pop()) {
    for (let child: Node | null = parent.firstChild; child !== null; ) {
      const next: Node | null = child.nextSibling
      if (isUnsafe(child)) parent.removeChild(child)
      else {
        if (child.nodeType === ELEMENT) cleanAttributes(child as Element)
        waiting.push(child)
      }
      child = next
    }
  }
}

const ELEMENT = 1
/** Processing instructions, comments, document types: nothing of them is drawn. */
const UNDRAWN: ReadonlySet<number> = new Set([7, 8, 10])

function isUnsafe(node: Node): boolean {
  if (UNDRAWN.has(node.nodeType)) return true
  if (node.nodeType !== ELEMENT) return false
  const name = localName(node.nodeName)
  if (REMOVED.has(name)) return true
  if (!ANIMATIONS.has(name)) return false
  // An animation can write what the picture itself may not hold.
  const target = localName((node as Element).getAttribute('attributeName') ?? '')
  return target === 'href' || target.startsWith('on')
}

const localName = (name: string): string =>
  name
    .slice(name.indexOf(':') + 1)
    .trim()
    .toLowerCase()

function cleanAttributes(element: Element): void {
  for (const { name, value } of [...Array.from(element.attributes)]) {
    const local = localName(name)
    if (local.startsWith('on') || ((local === 'href' || local === 'src') && isUnsafeLink(value))) element.removeAttribute(name)
  }
}

function isUnsafeLink(value: string): boolean {
  // Browsers drop blanks and control characters before they read the scheme.
  const scheme = value.replace(/[\s\u0000-\u001f]/g, '')
  return /^(javascript|vbscript):/i.test(scheme) || (/^data:/i.test(scheme) && !SAFE_DATA.test(scheme))
}

const MOST_ENTITIES = 100
const LONGEST_ENTITY = 1_000

/** Entities of plain text, which some drawing programs write for namespaces, are put in; all else of a document type goes. */
function withoutDoctype(text: string): string {
  const start = text.search(/<!doctype/i)
  if (start < 0) return text
  const length = endOfDoctype(text.slice(start))
  if (length === 0) throw new ImgproxyError('invalid_image', 'the document type of the SVG does not end')
  const doctype = text.slice(start, start + length)
  const rest = text.slice(0, start) + text.slice(start + length)
  const entities = new Map<string, string>()
  for (const [, name, double, single] of doctype.matchAll(/<!ENTITY\s+([\w.-]+)\s+(?:"([^"]*)"|'([^']*)')\s*>/g)) {
    const value = double ?? single ?? ''
    if (entities.size < MOST_ENTITIES && value.length <= LONGEST_ENTITY && !/[<&"']/.test(value)) entities.set(name!, value)
  }
  let grown = 0
  return rest.replace(/&([A-Za-z_][\w.-]*);/g, (whole, name: string) => {
    const value = entities.get(name)
    grown += value?.length ?? 0
    if (grown > text.length + 100 * LONGEST_ENTITY) throw new ImgproxyError('invalid_image', 'the entities of the SVG are too long')
    return value ?? whole
  })
}
