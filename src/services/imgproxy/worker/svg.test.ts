import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ImgproxyError } from '../errors.ts'
import { detectFormat, isSvg } from './detect.ts'
import { sanitizeSvg } from './svg.ts'

const NAMES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
const clean = (inner: string): string => sanitizeSvg(Buffer.from(`<svg ${NAMES}>${inner}</svg>`)).toString()

test.each([
  ['<script>alert(1)</script>', /alert/],
  ['<SCRIPT>alert(1)</SCRIPT>', /alert/],
  ['<x:script xmlns:x="http://www.w3.org/2000/svg">alert(1)</x:script>', /alert/],
  ['<g><g><script xlink:href="//evil.example/x.js"/></g></g>', /evil/],
  ['<foreignObject><iframe src="javascript:alert(1)"/></foreignObject>', /alert/],
  ['<rect onload="alert(1)" ONCLICK="alert(2)"/>', /alert/],
  ['<a href="javascript:alert(1)"/>', /alert/],
  ['<a xlink:href=" java\n\tscript:alert(1)"/>', /alert/],
  ['<image href="data:image/svg+xml;base64,PHN2Zz4="/>', /PHN2/],
  ['<use href="data:text/html,x"/>', /data:/],
  ['<a><animate attributeName="href" values="javascript:alert(1)"/></a>', /alert/],
  ['<set attributeName="onmouseover" to="alert(1)"/>', /alert/],
  ['<?xml-stylesheet href="javascript:alert(1)"?>', /alert/],
])('%s goes', (inner, gone) => {
  expect(clean(inner)).not.toMatch(gone)
  expect(clean(`${inner}<circle r="3"/>`)).toMatch(/<circle r="3"/)
})

test('what draws stays', () => {
  const inner =
    '<defs><linearGradient id="g"><stop offset="0"/></linearGradient></defs><style>rect{fill:red}</style><use xlink:href="#g"/><image href="data:image/png;base64,AAAA"/><text>a &amp; b</text><animate attributeName="x" values="0;1"/>'
  expect(clean(inner)).toContain(inner)
})

test('entities of plain text are put in, others are not', () => {
  const svg = (entity: string): Buffer =>
    Buffer.from(`<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY e "${entity}">]><svg ${NAMES}><text>&e;</text></svg>`)
  expect(sanitizeSvg(svg('http://x/')).toString()).toMatch(/<text>http:\/\/x\/<\/text>/)
  expect(() => sanitizeSvg(svg('<script>alert(1)</script>'))).toThrow(ImgproxyError)
})

test.each(['<svg', '', '<svg>&nope;</svg>', '<!DOCTYPE svg [<svg/>'])('%j is no drawing', (text) => {
  expect(() => sanitizeSvg(Buffer.from(text))).toThrow(ImgproxyError)
})

test('whatever comes is a drawing or refused', () => {
  const piece = fc.constantFrom(
    '<svg>',
    '</svg>',
    '<g',
    ' onload="x"',
    '>',
    '<!--',
    '-->',
    '<![CDATA[',
    ']]>',
    '<!DOCTYPE',
    '[',
    ']>',
    '&a;',
    '"',
    'x',
    '\u0000',
    '<script/>',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      try {
        const text = sanitizeSvg(Buffer.from(pieces.join('')))
          .toString()
          .replace(/<!\[CDATA\[[\s\S]*?\]\]>/g, '')
        expect(text).not.toMatch(/<script|<[^<>]* onload=/)
      } catch (error) {
        expect(error).toBeInstanceOf(ImgproxyError)
      }
    }),
  )
})

test.each([
  ['<svg/>', true],
  ['\uFEFF<?xml version="1.0"?>\n<!-- <svg> --><!DOCTYPE svg [<!ENTITY a ">">]><s:svg xmlns:s="x">', true],
  ['<html><svg/></html>', false],
  ['<!-- <svg/> -->', false],
  ['<svgx/>', false],
  ['svg', false],
])('%j shows itself as SVG: %j', (text, svg) => {
  expect(isSvg(text)).toBe(svg)
  expect(detectFormat(Buffer.from(text), 1_000)).toBe(svg ? 'svg' : undefined)
})
