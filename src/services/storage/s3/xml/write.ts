// XML bodies of answers. What is undefined is left out; a list is its element, repeated.

export type XmlValue = string | number | boolean | Date | undefined | XmlTree | readonly XmlTree[]
export interface XmlTree {
  readonly [name: string]: XmlValue
}

const DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'

/** A tree of one root. Errors carry no namespace. */
export function writeXml(tree: XmlTree): string {
  const [name, value] = Object.entries(tree)[0]!
  return DECLARATION + element(name, value, name === 'Error' ? '' : ` xmlns="${NAMESPACE}"`)
}

function element(name: string, value: XmlValue, attributes = ''): string {
  if (value === undefined) return ''
  if (isList(value)) return value.map((item) => element(name, item, attributes)).join('')
  const inner = value instanceof Date ? value.toISOString() : typeof value === 'object' ? childrenOf(value) : escapeXml(String(value))
  return inner === '' ? `<${name}${attributes}/>` : `<${name}${attributes}>${inner}</${name}>`
}

const isList = (value: XmlValue): value is readonly XmlTree[] => Array.isArray(value)

function childrenOf(tree: XmlTree): string {
  let text = ''
  for (const [name, value] of Object.entries(tree)) text += element(name, value)
  return text
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  // A parser would read the bare character as a line's end.
  ['\r', '&#xD;'],
])

/** Characters that XML 1.0 cannot carry at all become the replacement character. */
function escapeXml(text: string): string {
  return text
    .replace(/[&<>"\r]/g, (char) => ESCAPES.get(char)!)
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, '\ufffd')
}
