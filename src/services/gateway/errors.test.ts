import { describe, expect, test } from 'vitest'
import { errors, refusal, shapeFor } from './errors.ts'

const nothingAsked = { accept: undefined, contentType: undefined }

describe.each(Object.entries(errors))('%s', (_, { status, message, maker }) => {
  test(`answers ${status} with its message in every shape`, () => {
    const as = (accept: string) => refusal(status, message, maker, { accept, contentType: undefined })
    expect(as('*/*').status).toBe(status)
    expect(JSON.parse(String(as('application/json').body))).toEqual({ message })
    if (maker === 'exit') {
      expect(as('text/html').body).toBe(`{"message":"${message}"}`)
      return
    }
    expect(as('text/plain')).toMatchObject({ body: `${message}\n`, contentType: 'text/plain; charset=utf-8' })
    expect(as('text/html').body).toContain(`<p>${message}.</p>`)
    expect(as('application/xml').body).toContain(`<message>${message}</message>`)
  })
})

test.each([
  ['exit', nothingAsked, 'application/json; charset=utf-8'],
  ['error', nothingAsked, 'application/json; charset=utf-8'],
  ['error', { accept: undefined, contentType: 'text/html' }, 'application/json; charset=utf-8'],
  ['proxy', nothingAsked, 'text/plain; charset=utf-8'],
  ['proxy', { accept: undefined, contentType: 'application/json' }, 'application/json; charset=utf-8'],
  ['proxy', { accept: '*/*', contentType: undefined }, 'application/json; charset=utf-8'],
] as const)('made by %s and asked %j the type is %s', (maker, asked, type) => {
  expect(refusal(500, 'x', maker, asked).contentType).toBe(type)
})

test.each([
  ['text/html;q=0.3, application/xml;q=0.9, text/plain;q=0.5', 'xml'],
  ['image/png', 'json'],
  ['text/plain;q=0, */*;q=0.1', 'json'],
  ['TEXT/HTML', 'html'],
  ['', 'json'],
])('Accept %j means %s', (accept, shape) => expect(shapeFor(accept)).toBe(shape))

test('a message is escaped in markup', () => {
  expect(refusal(500, '<a>&', 'error', { accept: 'text/html', contentType: undefined }).body).toContain('&lt;a&gt;&amp;')
})
