import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { StoredMessage, Summary } from './mailbox.ts'
import { compileSearch, parseDate, parseSize, splitTerms } from './search.ts'

function message(over: Partial<Summary> & { inline?: number; text?: string } = {}): StoredMessage {
  const { inline = 0, text = '', ...rest } = over
  const summary: Summary = {
    ID: 'a',
    MessageID: 'one@example.com',
    Read: false,
    From: { Name: 'Ada Lovelace', Address: 'ada@example.com' },
    To: [{ Name: '', Address: 'Grace+ops@example.com' }],
    Cc: [{ Name: 'C', Address: 'cc@example.com' }],
    Bcc: [{ Name: '', Address: 'bcc@example.com' }],
    ReplyTo: [{ Name: '', Address: 'reply@example.com' }],
    Subject: 'Confirm Your Mail',
    Created: '2024-05-01T10:00:00.000Z',
    Username: '',
    Tags: ['ops'],
    Size: 3_000,
    Attachments: 1,
    Snippet: '',
    ...rest,
  }
  return {
    summary,
    created: Date.parse(summary.Created),
    inline,
    searchText: `confirm your mail ${text}`.toLowerCase(),
    raw: Buffer.alloc(0),
  }
}

test.each([
  ['to:"grace+ops@example.com"', true],
  ['to:GRACE', true],
  ['to:ada', false],
  ['from:"Ada Lovelace"', true],
  ['cc:cc@', true],
  ['bcc:bcc', true],
  ['reply-to:reply', true],
  ['addressed:bcc@example.com', true],
  ['addressed:nobody', false],
  ['subject:"your mail"', true],
  ['subject:mail -subject:confirm', false],
  ['!from:nobody', true],
  ['message-id:one@', true],
  ['tag:OPS', true],
  ['tag:op', false],
  ['is:unread', true],
  ['-is:unread', false],
  ['is:read', false],
  ['is:tagged', true],
  ['has:attachment', true],
  ['has:inline', false],
  ['larger:2k', true],
  ['smaller:2kb', false],
  ['after:2024-05-01', true],
  ['before:2024-05-01', false],
  ['"confirm your"', true],
  ['confirm absent', false],
  ['naïve', true],
  ['日本', true],
  ['-日本', false],
  ['...', true],
  ['to:', true],
  ['constructor:x', false],
])('%s matches: %s', (query, expected) => {
  expect(compileSearch(query)(message({ text: 'naïve 日本語' }))).toBe(expected)
})

test.each([
  ['a  b', ['a', 'b']],
  ['to:"a b" c', ['to:a b', 'c']],
  ['"open end', ['open end']],
  ['""', []],
])('%s splits into %j', (query, expected) => {
  expect(splitTerms(query)).toEqual(expected)
})

test.each([
  ['2kb', 2_048],
  ['1.5M', 1_572_864],
  ['300', 300],
  ['2gb', undefined],
  ['', undefined],
])('size %s is %s', (value, expected) => {
  expect(parseSize(value)).toBe(expected)
})

test.each([
  ['2024-05-01', undefined, '2024-05-01T00:00:00.000Z'],
  ['2024-05-01', 'Pacific/Auckland', '2024-04-30T12:00:00.000Z'],
  ['2024-05-01 10:30', 'America/New_York', '2024-05-01T14:30:00.000Z'],
  ['2024-05-01', 'No/Where', '2024-05-01T00:00:00.000Z'],
  ['2024-05-01t10:00:00z', undefined, '2024-05-01T10:00:00.000Z'],
  ['1714557600', undefined, '2024-05-01T10:00:00.000Z'],
])('date %s in %s is %s', (value, zone, expected) => {
  expect(new Date(parseDate(value, zone)!).toISOString()).toBe(expected)
})

test('a date that is none says nothing', () => {
  expect(parseDate('soon')).toBeUndefined()
  expect(compileSearch('before:soon')(message())).toBe(true)
})

test.each(['__proto__', 'constructor', '-toString', 'hasownproperty:x'])(
  'a name that every object has is a word like any other: %s',
  (query) => {
    expect(compileSearch(query)(message())).toBe(query.startsWith('-'))
  },
)

test('any query gives a predicate', () => {
  const one = message()
  fc.assert(fc.property(fc.string(), (query) => typeof compileSearch(query, query)(one) === 'boolean'))
})
