import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lockKey, mustBeValidBucketName, mustBeValidKey } from './names.ts'

test.each(['a', 'a b/c d.txt', "a(1)'s!.txt", 'a+b&c=d', 'a,b;c:d', 'what?', '$x@y', 'a*', 'dir/', 'a//b', '.hidden', 'a/.../b', 'v1..2'])(
  '%j is a name',
  (name) => {
    expect(() => mustBeValidKey(name)).not.toThrow()
  },
)
test.each(['', 'ä', 'a\tb', 'a\nb', 'a\\b', '100%', 'a#b', '<a>', 'a|b', '^', '`', '{', '[', '~', '"', 'a\0b'])('%j is none', (name) => {
  expect(() => mustBeValidKey(name)).toThrow(`Invalid key: ${name}`)
})
test.each(['.', '..', '../x', 'a/../b', './x', 'a/.', 'a/./b'])('%j would climb', (name) => {
  expect(() => mustBeValidKey(name)).toThrow('contains dot path segment')
})
test('no valid name leaves its folder', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('.', '..', 'a', '', '...', '.a'), { maxLength: 6 }), (segments) => {
      const name = segments.join('/')
      try {
        mustBeValidKey(name)
      } catch {
        return true
      }
      return new URL(`http://x/root/${name}`).pathname.startsWith('/root/')
    }),
  )
})
test.each(['', ' a', 'a ', 'a/b', 'ä', 'a%b', 'a#b', 'x'.repeat(101), 'a--table-s3'])('%j is no bucket', (name) => {
  expect(() => mustBeValidBucketName(name)).toThrow('Bucket name invalid')
})
test('locks are those of upstream', () => {
  // djb2 with xor, cut to 32 bits: by hand for one letter, (5381 * 33) ^ 97.
  expect(lockKey('a')).toBe((5381 * 33) ^ 97)
  expect(lockKey('')).toBe(5381)
})
