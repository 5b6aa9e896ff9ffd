import { expect, test } from 'vitest'
import { recordText } from './record-text.ts'

test.each([
  [['1', 'a'], '(1,a)'],
  [[null, ''], '(,"")'],
  [['a b', 'x,y', '(z)'], '("a b","x,y","(z)")'],
  [['q"x', 'b\\s'], '("q""x","b\\\\s")'],
  [[], '()'],
])('recordText(%j) is %s', (values, text) => {
  expect(recordText(values)).toBe(text)
})
