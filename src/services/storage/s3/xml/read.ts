// XML bodies of requests: read as they are parsed, with bounds, and without document types or entities of their own.
import { SaxesParser } from 'saxes'
import { errors } from '../../errors.ts'

/** Elements by their local names, in their order. */
export interface Element {
  readonly name: string
  readonly children: readonly Element[]
  /** Its own characters, without those of its children. */
  readonly text: string
}

interface Growing extends Element {
  children: Growing[]
  text: string
}

/** Ten thousand parts, each with a checksum, or a thousand keys, stay below it. */
const MAX_ELEMENTS = 50_000
const MAX_DEPTH = 16

/** Throws MalformedXML. */
export function readXml(text: string): Element {
  const open: Growing[] = []
  let root: Growing | undefined
  let count = 0
  const parser = new SaxesParser({ position: false, fragment: false })
  const refuse = (why: string) => {
    throw errors.malformedXml(why)
  }
  parser.on('error', (error) => refuse(error.message))
  parser.on('doctype', () => refuse('a document type is not allowed'))
  parser.on('opentag', ({ name }) => {
    count += 1
    if (count > MAX_ELEMENTS) refuse('too many elements')
    if (open.length >= MAX_DEPTH) refuse('nested too deeply')
    const element: Growing = { name: name.slice(name.indexOf(':') + 1), children: [], text: '' }
    const parent = open.at(-1)
    if (parent) parent.children.push(element)
    else root = element
    open.push(element)
  })
  parser.on('closetag', () => {
    open.pop()
  })
  const add = (characters: string) => {
    const element = open.at(-1)
    if (element) element.text += characters
  }
  parser.on('text', add)
  parser.on('cdata', add)
  parser.write(text).close()
  return root ?? refuse('there is no element')!
}

export const childrenOf = (element: Element, name: string): readonly Element[] => element.children.filter((child) => child.name === name)

/** The text of the first child of that name. */
export const textOf = (element: Element, name: string): string | undefined => element.children.find((child) => child.name === name)?.text
