import { expect, test } from 'vitest'
import { checkRobotsTag } from './robots-tag.ts'

test.each([
  'none',
  'noindex, nofollow',
  'NOINDEX',
  'max-snippet: 5',
  'googlebot: noindex, nofollow',
  'unavailable_after: Wed, 03 Dec 2025 13:09:53 GMT',
  'noindex, max-image-preview:large',
])('%s is kept', (value) => {
  expect(() => checkRobotsTag(value)).not.toThrow()
})
test.each(['nonsense-rule', '', ' ', 'noindex nofollow', 'max-snippet', 'max-image-preview: huge', 'noindex,', 'a'.repeat(1_001)])(
  '%s is refused',
  (value) => {
    expect(() => checkRobotsTag(value)).toThrow('Invalid X-Robots-Tag header: ')
  },
)
