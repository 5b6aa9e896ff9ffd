import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileGlob } from './glob.ts'

test.each([
  // pattern                              text                                   matches
  ['https://kit.example/exact', 'https://kit.example/exact', true],
  ['https://kit.example/exact', 'https://kit.example/exact/', false],
  ['https://kit.example/exact', 'https://kitXexample/exact', false],
  ['https://a.example/*', 'https://a.example/b', true],
  ['https://a.example/*', 'https://a.example/b/c', false],
  ['https://a.example/*', 'https://a.example/b.c', false],
  ['https://a.example/**', 'https://a.example/b.c/d?e=f', true],
  ['https://*.a.example/**', 'https://x.a.example/', true],
  ['https://*.a.example/**', 'https://x.y.a.example/', false],
  ['https://*.a.example/**', 'https://a.example/', false],
  ['http://localhost:3000*', 'http://localhost:3000/x', false],
  ['app://callback', 'app://callback', true],
  ['app-?', 'app-1', true],
  ['app-?', 'app-/', false],
  ['v[0-9]', 'v7', true],
  ['v[!0-9]', 'v7', false],
  ['v[!0-9]', 'vx', true],
  ['{http,https}://x', 'https://x', true],
  ['{http,https}://x', 'ftp://x', false],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'axb', false],
  ['https://A.example/', 'https://a.example/', false],
  ['a-b.c_d~e', 'a-b.c_d~e', true],
  ['x[a-]y', 'x-y', true],
  ['open[', 'open[', true],
  ['open{a', 'open{a', true],
])('compileGlob(%j) and %j: %s', (pattern, text, matches) => {
  expect(compileGlob(pattern)(text)).toBe(matches)
})

test('compileGlob() takes any pattern, and a pattern without special characters matches itself alone', () => {
  fc.assert(fc.property(fc.string(), fc.string(), (pattern, text) => typeof compileGlob(pattern)(text) === 'boolean'))
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9:/.#+-]{1,20}$/), fc.string(), (pattern, text) => {
      expect(compileGlob(pattern)(pattern)).toBe(true)
      expect(compileGlob(pattern)(text)).toBe(text === pattern)
    }),
  )
})
