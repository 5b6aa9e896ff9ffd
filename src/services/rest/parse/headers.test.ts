import { expect, test } from 'vitest'
import { RestError } from '../errors.ts'
import { acceptedTypes, contentTypeOf, mediaType, typeName } from './media-type.ts'
import { appliedHeader, parsePrefer } from './prefer.ts'
import { parseRangeHeader, windowOf } from './range.ts'

test.each([
  [undefined, {}],
  ['return=minimal', { return: 'minimal' }],
  ['return=minimal, return=representation', { return: 'minimal' }],
  ['count=exact,resolution=merge-duplicates , handling=lenient', { count: 'exact', resolution: 'merge-duplicates', handling: 'lenient' }],
  ['count=none, anything', {}],
  ['max-affected=10, timezone=Europe/Berlin', { maxAffected: 10, timezone: 'Europe/Berlin' }],
  ['max-affected=many', {}],
])('Prefer: %s', (header, preferences) => {
  expect(parsePrefer(header)).toEqual(preferences)
})

test('unknown preferences are named under strict handling', () => {
  expect(() => parsePrefer('handling=strict, anything, count=none')).toThrow(
    expect.objectContaining({ code: 'PGRST122', details: 'Invalid preferences: anything, count=none' }),
  )
})

test('applied preferences come in upstream order', () => {
  const preferences = parsePrefer('max-affected=1, handling=strict, return=minimal, resolution=merge-duplicates, tx=commit')
  expect(appliedHeader(preferences, { resolution: true, return: true, handling: true, maxAffected: true })).toBe(
    'resolution=merge-duplicates, return=minimal, handling=strict, max-affected=1',
  )
  expect(appliedHeader({}, { return: true })).toBeUndefined()
})

test.each([
  [undefined, ['*/*']],
  ['application/json', ['application/json']],
  ['text/csv;q=0.5, application/json', ['application/json', 'text/csv']],
  ['text/csv, application/json', ['text/csv', 'application/json']],
  ['application/vnd.pgrst.object', ['application/vnd.pgrst.object+json']],
  ['application/vnd.pgrst.object+json;nulls=stripped', ['application/vnd.pgrst.object+json;nulls=stripped']],
  ['application/vnd.pgrst.array+json', ['application/json']],
  [
    'application/vnd.pgrst.plan+json; for="application/vnd.pgrst.object"; options=analyze|verbose',
    ['application/vnd.pgrst.plan+json; for="application/vnd.pgrst.object+json"; options=analyze|verbose'],
  ],
  ['image/png, */*;q=0.1', ['image/png', '*/*']],
  ['*/*, text/csv', ['text/csv', '*/*']],
  ['text/*, */*, text/csv; version=1', ['text/csv', 'text/*', '*/*']],
  ['text/csv;q=.5, application/json;q=0.9', ['text/csv', 'application/json']],
  ['image/png; x=1;q=0.5;y=2', ['image/png;x=1']],
  ['TEXT/CSV', ['text/csv']],
])('Accept: %s', (header, names) => {
  expect(acceptedTypes(header).map(typeName)).toEqual(names)
})

test.each([
  ['application/json', 'application/json; charset=utf-8'],
  ['text/csv', 'text/csv; charset=utf-8'],
  ['application/octet-stream', 'application/octet-stream'],
  ['image/png', 'image/png'],
])('%s is sent as %s', (text, sent) => {
  expect(contentTypeOf(mediaType(text))).toBe(sent)
})

test.each([
  ['0-9', { first: 0, last: 9 }],
  ['5-', { first: 5, last: undefined }],
  ['items=0-9', undefined],
  ['-5', undefined],
  ['a-b', undefined],
])('Range: %s', (header, range) => {
  expect(parseRangeHeader(header)).toEqual(range)
})

test.each([
  // limits                     header                        window
  [undefined, undefined, { offset: 0, limit: undefined }],
  [{ limit: 10 }, undefined, { offset: 0, limit: 10 }],
  [{ limit: 10, offset: 5 }, undefined, { offset: 5, limit: 10 }],
  [{ limit: 0 }, undefined, { offset: 0, limit: 0 }],
  [undefined, { first: 2, last: 4 }, { offset: 2, limit: 3 }],
  [{ limit: 10 }, { first: 2, last: undefined }, { offset: 2, limit: 8 }],
  [{ limit: 10 }, { first: 2, last: 3 }, { offset: 2, limit: 2 }],
])('limits %j and range %j', (limits, header, window) => {
  expect(windowOf(limits, header)).toEqual(window)
})

test.each([
  [{ limit: -1 }, undefined],
  [{ limit: 0, offset: 1 }, undefined],
  [{ limit: 2 }, { first: 5, last: 9 }],
  [undefined, { first: 5, last: 2 }],
])('limits %j and range %j cannot be satisfied', (limits, header) => {
  expect(() => windowOf(limits, header)).toThrow(RestError)
})
