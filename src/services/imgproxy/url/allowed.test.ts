import { expect, test } from 'vitest'
import { contentDisposition } from '../content-disposition.ts'
import { allowedSources } from './allowed.ts'

test.each([
  [['https://good.example/'], 'https://good.example/a.png', true],
  [['https://good.example/'], 'https://good.example.evil.example/a.png', false],
  [['https://good.example'], 'https://good.example@evil.example/a.png', false],
  [['https://good.example/in/'], 'https://good.example/in/../out.png', false],
  [['https://*.example/'], 'https://a.example/x', true],
  [['https://*.example/'], 'https://evil/a.example/x', false],
  [['local://'], 'local:///a', true],
  [['local://'], 'http://a/', false],
  [[], 'http://a/', false],
  [undefined, 'anything', true],
])('%j and %s: %j', (patterns, source, allowed) => {
  expect(allowedSources(patterns)(source)).toBe(allowed)
})

test.each([
  ['http://h/d/a.b.jpg?x=1', '', '.png', false, 'inline; filename="a.b.png"'],
  ['local:///d/a', '', '.png', true, 'attachment; filename="a.png"'],
  ['http://h/', '', '.webp', false, 'inline; filename="image.webp"'],
  ['http://h/%C3%A4.jpg', '', '.png', false, 'inline; filename="%C3%A4.png"'],
  ['http://h/x', 'a"b\r\nc', '.png', false, 'inline; filename="a%22bc.png"'],
])('%s named %j', (source, name, extension, attachment, header) => {
  expect(contentDisposition(source, name, extension, attachment)).toBe(header)
})
