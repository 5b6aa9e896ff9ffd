import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { StorageError } from '../../errors.ts'
import { childrenOf, readXml, textOf } from './read.ts'
import { writeXml } from './write.ts'

const read = (text: string): unknown => {
  try {
    return readXml(text)
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    return `${error.code} ${error.message}`
  }
}

test('a list of keys', () => {
  const root = readXml(
    '<?xml version="1.0"?>\n<s3:Delete xmlns:s3="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>\n<Object><Key>a &amp; &#98;&#x63;</Key></Object><Object><Key><![CDATA[<d>]]></Key></Object></s3:Delete>',
  )
  expect(root.name).toBe('Delete')
  expect(textOf(root, 'Quiet')).toBe('true')
  expect(childrenOf(root, 'Object').map((object) => textOf(object, 'Key'))).toEqual(['a & bc', '<d>'])
})

describe('refused', () => {
  test.each([
    ['<Delete><Object>', /unclosed tag/],
    ['', /root element/],
    ['text', /outside of root/],
    ['<a/><b/>', /only one root/],
    ['<a></b>', /unexpected close tag/],
    ['<a>&e;</a>', /undefined entity/],
    ['<a>&#0;</a>', /character entity/],
    ['<a>\u0001</a>', /disallowed character/],
    ['<a b=c/>', /unquoted/],
    ['<!DOCTYPE x><a/>', /document type/],
    ['<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>', /document type/],
    ['<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><a>&b;</a>', /document type/],
    [`${'<a>'.repeat(17)}${'</a>'.repeat(17)}`, /too deeply/],
    [`<a>${'<b/>'.repeat(50_000)}</a>`, /too many/],
  ])('%.60s', (text, expected) => {
    expect(read(text)).toMatch(/^MalformedXML Invalid XML payload: /)
    expect(read(text)).toMatch(expected)
  })
  test('or read, but never anything else', () => {
    fc.assert(fc.property(fc.string(), (text) => read(text) !== undefined))
    const piece = fc.constantFrom(
      '<a>',
      '</a>',
      '<b/>',
      '&amp;',
      '&',
      '<',
      '<![CDATA[',
      ']]>',
      '<?x',
      '?>',
      '<!--',
      '-->',
      'é',
      ' ',
      '__proto__',
    )
    fc.assert(fc.property(fc.array(piece), (pieces) => read(pieces.join('')) !== undefined))
  })
})

describe('written', () => {
  test('a tree', () => {
    const list = {
      Contents: [
        { Key: 'a<b', Size: 5 },
        { Key: '"&"', Size: 0 },
      ],
      Prefix: '',
      Marker: undefined,
      IsTruncated: false,
    }
    expect(writeXml({ ListBucketResult: list })).toBe(
      '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Contents><Key>a&lt;b</Key><Size>5</Size></Contents><Contents><Key>&quot;&amp;&quot;</Key><Size>0</Size></Contents><Prefix/><IsTruncated>false</IsTruncated></ListBucketResult>',
    )
    expect(writeXml({ Error: { Code: 'X' } })).toMatch(/<Error><Code>X<\/Code><\/Error>$/)
    expect(writeXml({ Tagging: { TagSet: {} } })).toMatch(/<Tagging xmlns="[^"]+"><TagSet\/><\/Tagging>$/)
    expect(writeXml({ A: { At: new Date(0), Empty: [] } })).toMatch(/<At>1970-01-01T00:00:00.000Z<\/At><\/A>$/)
  })
  test('any text can be read again; what XML cannot carry is replaced', () => {
    const printable = /^[\t\n\r -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u
    fc.assert(
      fc.property(fc.string({ unit: fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code)) }), (text) => {
        const back = textOf(readXml(writeXml({ A: { Key: text } })), 'Key')
        return printable.test(text) ? back === text : back !== undefined && printable.test(back)
      }),
    )
  })
})
