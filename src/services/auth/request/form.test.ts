import { expect, test } from 'vitest'
import { withQuery } from './form.ts'

test('parameters with the names that every object has are kept as they are', () => {
  expect(withQuery('https://app.example/?constructor=1&__proto__=2', { code: 'x' })).toBe(
    'https://app.example/?__proto__=2&code=x&constructor=1',
  )
})
