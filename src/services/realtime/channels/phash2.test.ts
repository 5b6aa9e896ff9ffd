import { describe, expect, test } from 'vitest'
import { atomHash, phash2, wholeHash } from './phash2.ts'

// The values of Erlang/OTP's own hash_SUITE, for the terms that JSON can say.
describe('phash2', () => {
  test.each<[unknown, number]>([
    [[], 3468870702],
    [0, 3175731469],
    [1, 539485162],
    [-1, 1117813597],
    [2 ** 20, 1477815345],
    [-(2 ** 20), 3076904293],
    [4294967296, 2108323275],
    [-4294967296, 2586067094],
    [981494972710656, 1622082818],
    [-981494972710656, 3367191372],
    [2 ** 65, 2545846594],
    [-(2 ** 65), 1649047068],
    ['', 147926629],
    ['\0', 2914887855],
    ['\0\0\0\0', 2014511533],
    ['abc', 1306188027],
    ['12345678901234567890', 3021061640],
    [3.14, 3731709215],
    [-3.14, 1827518724],
    [[''], 440873397],
    [[[]], 499070068],
    [[...Buffer.from('abc')], 519996486],
    [[...Buffer.from('abc'), 1009], 290369864],
    [[...Buffer.from('abc'), 1009, ...Buffer.from('de')], 4134369195],
    [[...Buffer.from('1234567890123456')], 963649519],
  ])('of %j is %d', (value, expected) => {
    expect(wholeHash(value)).toBe(expected)
    expect(phash2(value)).toBe(expected % 2 ** 27)
  })
  test('a long text', () => {
    const chars = Array.from({ length: 96 }, (_, i) => String.fromCharCode(32 + i))
      .join('')
      .repeat(500)
    expect(wholeHash(chars)).toBe(2644086993)
    expect(wholeHash(chars.slice(16))).toBe(3575839236)
  })
  test.each([
    ['abc', 26499],
    ['abd', 26500],
  ])('of the atom %s is %d', (name, expected) => {
    expect(atomHash(name, 0)).toBe(expected)
  })
  test('of an object does not depend on the order of its keys, and does on every value', () => {
    const entry = { event: 'INSERT', schema: 'public', table: 't', filter: 'id=eq.1' }
    expect(phash2(entry)).toBe(phash2(Object.fromEntries(Object.entries(entry).reverse())))
    const others = [{ ...entry, event: '*' }, { ...entry, table: 'u' }, { ...entry, filter: null }, { ...entry, x: {} }, {}].map(phash2)
    expect(new Set([...others, phash2(entry)]).size).toBe(6)
  })
})
