import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readLetter, searchTextOf, snippetOf } from './letter.ts'

const raw = (...lines: string[]): Buffer => Buffer.from(lines.join('\r\n'))

test('a mail of HTML alone has a text too', async () => {
  const letter = await readLetter(
    raw(
      'From: A <a@b.c>',
      'To: d@e.f',
      'Subject: Hi',
      'Content-Type: text/html; charset=utf-8',
      '',
      '<p>Open <a href="http://x.y/z">it</a></p>',
    ),
  )
  expect(letter.text).toBe('Open it ( http://x.y/z )')
  expect(letter.html).toBe('<p>Open <a href="http://x.y/z">it</a></p>')
  expect(snippetOf(letter)).toBe('Open it')
})

test('encoded words, groups, folded and repeated headers', async () => {
  const letter = await readLetter(
    raw(
      'From: =?utf-8?q?J=C3=BCrgen?= <j@b.c>',
      'To: Team: x@y.z, "Q, R" <q@y.z>;',
      'Subject: =?utf-8?b?w6QgZm9sZGVk?=',
      ' =?utf-8?q?_subject?=',
      'message-id: <1@b.c>',
      'X-Twice: one',
      'X-Twice: two',
      '',
      'text',
    ),
  )
  expect(letter.from).toEqual({ Name: 'Jürgen', Address: 'j@b.c' })
  expect(letter.to).toEqual([
    { Name: '', Address: 'x@y.z' },
    { Name: 'Q, R', Address: 'q@y.z' },
  ])
  expect(letter.subject).toBe('ä folded subject')
  expect(letter.messageId).toBe('1@b.c')
  expect(letter.headers['X-Twice']).toEqual(['one', 'two'])
  expect(Object.keys(letter.headers)).toContain('Message-Id')
})

test('raw UTF-8 in headers (SMTPUTF8) is read', async () => {
  const letter = await readLetter(raw('From: Zoë <zoë@exämple.com>', 'Subject: naïve 日本', '', 'x'))
  expect(letter.subject).toBe('naïve 日本')
  expect(letter.from.Name).toBe('Zoë')
})

test.each([
  ['nothing at all', ''],
  ['no headers', 'just text\r\nand more'],
  ['a boundary that never comes', 'Content-Type: multipart/mixed; boundary="x"\r\n\r\nno part'],
  ['a part that is cut off', 'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nhalf'],
  ['broken base64', 'Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!not base64!!!'],
  ['an unknown charset', 'Content-Type: text/plain; charset=klingon\r\n\r\nabc'],
  ['a header named as a prototype', '__proto__: x\r\nconstructor: y\r\n\r\nbody'],
  [
    'parts nested without end',
    Array.from({ length: 90 }, (_, i) => `Content-Type: multipart/mixed; boundary="b${i}"\r\n\r\n--b${i}`).join('\r\n'),
  ],
])('%s is no error', async (_what, text) => {
  const letter = await readLetter(Buffer.from(text))
  expect(typeof letter.subject).toBe('string')
  expect(typeof searchTextOf(letter)).toBe('string')
})

test('random bytes are read', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), async (bytes) => {
      const letter = await readLetter(bytes)
      snippetOf(letter)
      searchTextOf(letter)
    }),
    { numRuns: 200 },
  )
})

test('a snippet ends after 200 characters', async () => {
  const letter = await readLetter(raw('Subject: x', '', `${'😀'.repeat(150)}`))
  const snippet = snippetOf(letter)
  expect(snippet).toMatch(/^😀{100}\.\.\.$/u)
})
