import { expect, test } from 'vitest'
import { parseRolePath } from './role-path.ts'

const claims = { role: 'a', 'x-y': [{ role: 'b' }], roles: ['api', 'web_admin'], deep: { n: 5, list: [] } }

test.each([
  ['$.role', 'a'],
  ['.role', 'a'],
  ['$["x-y"][0].role', 'b'],
  ['."x-y"[0].role', 'b'],
  ['$.roles[1]', 'web_admin'],
  ['$.roles[-1]', 'web_admin'],
  ['$.roles[?search(@, "^web")]', 'web_admin'],
  ['$.roles[?match(@, "api")]', 'api'],
  ['.roles[?(@ == "api")]', 'api'],
  ['.roles[?(@ ^== "web")]', 'web_admin'],
  ['.roles[?(@ ==^ "admin")]', 'web_admin'],
  ['.roles[?(@ *== "b_a")]', 'web_admin'],
  ['.roles[?(@ != "api")]', 'web_admin'],
  ['$.deep.n', 5],
  ['$.deep.list[0]', undefined],
  ['$.nothing.here', undefined],
  ['$.constructor', undefined],
])('%s finds %j', (path, found) => {
  expect(parseRolePath(path)(claims)).toEqual(found)
})

test.each(['role', '$.', '$.a[', '$.a[?foo(@)]', '$..a'])('%s is no path', (path) => {
  expect(() => parseRolePath(path)).toThrow(TypeError)
})
