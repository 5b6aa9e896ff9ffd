import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isRolePath, parseRolePath } from './role-path.ts'

const claims = {
  role: 'a',
  'x-y': [{ role: 'b' }],
  roles: ['api', 'web_admin'],
  deep: { n: 5, list: [], nested: { role: 'inner' } },
  'https://example.com/roles': [{ value: 'urn' }],
  users: [
    { name: 'x', admin: false, rank: 1 },
    { name: 'y', admin: true, rank: 2 },
  ],
}

test.each([
  ['$.role', 'a'],
  ['$["role"]', 'a'],
  ["$['x-y'][0].role", 'b'],
  ['$["x-y"][0].role', 'b'],
  ['$.roles[1]', 'web_admin'],
  ['$.roles[-1]', 'web_admin'],
  ['$.roles[5]', undefined],
  ['$.roles[*]', 'api'],
  ['$.roles[1:]', 'web_admin'],
  ['$.roles[::-1]', 'web_admin'],
  ['$..role', 'a'],
  ['$.deep..role', 'inner'],
  ['$.deep["none","nested"].role', 'inner'],
  ['$.roles[?search(@, "^web")]', 'web_admin'],
  ['$.roles[?match(@, "api")]', 'api'],
  ['$.roles[?match(@, "ap")]', undefined],
  ['$.roles[?search(@, "(")]', undefined],
  ['$.roles[?(@ == "web_admin")]', 'web_admin'],
  ['$.roles[? @ != "api" ]', 'web_admin'],
  ['$.users[?@.admin == true].name', 'y'],
  ['$.users[?@.admin == true && @.rank > 1 || @.name == "q"].name', 'y'],
  ['$.users[?!@.missing && (@.rank >= 2)].name', 'y'],
  ['$.users[?@.rank == $.users[1].rank].name', 'y'],
  ['$.users[?length(@.name) == 1 && count(@.*) == 3].name', 'x'],
  ['$.deep.n', 5],
  ['$.deep.list[0]', undefined],
  ['$.nothing.here', undefined],
  ['$.constructor', undefined],
  ['$["__proto__"]', undefined],
  // The form before PostgREST 16.
  ['.role', 'a'],
  ['."x-y"[0].role', 'b'],
  ['."https://example.com/roles"[0].value', 'urn'],
  ['.roles[?(@ == "api")]', 'api'],
  ['.roles[?(@ ^== "web")]', 'web_admin'],
  ['.roles[?(@ ==^ "admin")]', 'web_admin'],
  ['.roles[?(@ *== "b_a")]', 'web_admin'],
  ['.roles[?(@ != "api")]', 'web_admin'],
  ['.roles[?(@ *== "_")][4:]', 'admin'],
  ['.roles[1][:-6]', 'web'],
  ['.roles[1][:]', 'web_admin'],
  ['.roles[1][200:]', undefined],
  ['.users[?(@ == "x")]', undefined],
  ['.constructor', undefined],
])('%s finds %j', (path, found) => {
  expect(parseRolePath(path).find(claims)).toEqual(found)
})

test.each([
  'role',
  'role.other',
  '.role##',
  '.my_role;;domain',
  '.#$$%&$%/',
  '1234',
  '.role[?(@ =)]',
  '.a[?(@ == "x")].b',
  '.x-y',
  '',
  '$.',
  '$.x-y',
  '$.a[',
  '$.a[]',
  '$.a[01]',
  '$.a[?foo(@)]',
  '$.a[?@ == ]',
  '$.a[?@.* == 1]',
  '$.a[?1]',
  '$.a[?count(1) == 1]',
  "$['a",
  '$ .',
])('%s is no path', (path) => {
  expect(() => parseRolePath(path)).toThrow(`failed to parse role-claim-key value (${path})`)
})

test.each([
  ['$.role', '$.role'],
  ['$["role"]', "$['role']"],
  ['$.realm.roles[0]', '$.realm.roles[0]'],
  ['$.roles[?(@ == "admin")]', "$.roles[?(@ == 'admin')]"],
  ['$.roles[?search(@,"^web")]', "$.roles[?search(@, '^web')]"],
  ['.role', '."role"'],
  ['.roles[?(@^=="role1")]', '."roles"[?(@ ^== "role1")]'],
])('%s is written %s', (path, text) => {
  expect(parseRolePath(path).text).toBe(text)
})

test('any text is a path or none, and what is written is read back as the same', () => {
  const piece = fc.constantFrom(
    '$',
    '.',
    '..',
    '[',
    ']',
    '*',
    '0',
    '-1',
    ':',
    '?',
    '@',
    'role',
    "'a b'",
    '"x"',
    ' ',
    '==',
    '(',
    ')',
    '&&',
    '!',
    ',',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 12 }).map((parts) => `$${parts.join('')}`),
      ),
      (text) => {
        if (!isRolePath(text)) return
        const path = parseRolePath(text)
        path.find(claims)
        expect(parseRolePath(path.text).text).toBe(path.text)
      },
    ),
  )
  fc.assert(
    fc.property(fc.string(), (name) => {
      const path = `$[${JSON.stringify(name)}]`
      expect(parseRolePath(path).find({ [name]: 'found' })).toBe('found')
      expect(parseRolePath(parseRolePath(path).text).text).toBe(parseRolePath(path).text)
    }),
  )
})
