import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { checkEnv, EnvError, readEnv } from './read.ts'
import { bool, count, duration, durationOrSeconds, integer, json, list, number, oneOf, port, secret, text, url } from './types.ts'

const schema = z.object({
  NAME: text,
  PORT: port.default(80),
  PASSWORD: secret.optional(),
  ON: bool.default(false),
  OTHER_FILE: text.optional(),
})
let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'read-env-'))
  writeFileSync(join(dir, 'unix'), 's3cr3t\n')
  writeFileSync(join(dir, 'windows'), 's3cr3t\r\n')
  writeFileSync(join(dir, 'two'), 's3cr3t\n\n')
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

describe('readEnv', () => {
  test('reads what is set, fills in defaults, and looks at nothing else', () => {
    expect(readEnv(schema, { NAME: 'x', ON: 'yes', HOME: '/root' })).toEqual({ NAME: 'x', PORT: 80, ON: true })
  })
  test('an empty variable counts as one that is not set', () => {
    expect(readEnv(schema, { NAME: 'x', PORT: '', PASSWORD: '', PASSWORD_FILE: '' })).toEqual({ NAME: 'x', PORT: 80, ON: false })
  })
  test.each([
    ['unix', 's3cr3t'],
    ['windows', 's3cr3t'],
    ['two', 's3cr3t\n'],
  ])('X_FILE names a file; one newline at its end is cut (%s)', (file, value) => {
    expect(readEnv(schema, { NAME: 'x', PASSWORD_FILE: join(dir, file) })).toMatchObject({ PASSWORD: value })
  })
  test('a variable that itself ends in _FILE is no file of another', () => {
    expect(readEnv(schema, { NAME: 'x', OTHER_FILE: '/nowhere' })).toMatchObject({ OTHER_FILE: '/nowhere' })
  })
  test('every problem is in one error: name, what was expected, where it was read, and no value', () => {
    const source = { PORT: 's3cr3t', ON: 's3cr3t', PASSWORD: 's3cr3t', PASSWORD_FILE: join(dir, 'unix') }
    const origin = (name: string) => (name === 'PORT' ? '.env, line 3' : undefined)
    expect(() => readEnv(schema, source, origin)).toThrow(
      new EnvError([
        { name: 'PASSWORD', expected: 'set either PASSWORD or PASSWORD_FILE, not both' },
        { name: 'NAME', expected: 'required, but not set' },
        { name: 'PORT', expected: 'expected a whole number', origin: '.env, line 3' },
        { name: 'ON', expected: 'expected true or false' },
      ]),
    )
    expect(() => readEnv(schema, source, origin)).not.toThrow(/s3cr3t/)
    expect(() => readEnv(schema, source, origin)).toThrow(
      /^4 variables to mend:\n {2}PASSWORD: .*\n {2}NAME: .*\n {2}PORT: .* \(read from \.env, line 3\)\n/,
    )
  })
  test('a file that cannot be read is named once, by its own variable', () => {
    expect(checkEnv(schema, { NAME_FILE: join(dir, 'no') }).problems).toEqual([{ name: 'NAME_FILE', expected: 'a readable file (ENOENT)' }])
  })
  test('checkEnv throws nothing and gives the values where all is well', () => {
    expect(checkEnv(schema, { NAME: 'x' })).toEqual({ values: { NAME: 'x', PORT: 80, ON: false }, problems: [] })
    expect(checkEnv(schema, {}).values).toBeUndefined()
  })
})

const WRONG = Symbol('wrong')
describe('types', () => {
  test.each<[string, z.ZodType, [string, unknown][]]>([
    [
      'bool',
      bool,
      [
        ['true', true],
        ['True', true],
        ['TRUE', true],
        ['1', true],
        ['t', true],
        ['yes', true],
        ['on', true],
        ['enabled', true],
        [' true ', true],
        ['false', false],
        ['0', false],
        ['no', false],
        ['off', false],
        ['disabled', false],
        ['2', WRONG],
        ['truthy', WRONG],
        ['"true"', WRONG],
      ],
    ],
    [
      'count',
      count,
      [
        ['0', 0],
        ['42', 42],
        [' 7 ', 7],
        ['-1', WRONG],
        ['1.5', WRONG],
        ['1e3', WRONG],
        ['9999999999999999', WRONG],
      ],
    ],
    [
      'integer',
      integer,
      [
        ['-5', -5],
        ['5', 5],
        ['+5', WRONG],
        ['5.0', WRONG],
      ],
    ],
    [
      'number',
      number,
      [
        ['1.5', 1.5],
        ['-2', -2],
        ['Infinity', WRONG],
        ['x', WRONG],
      ],
    ],
    [
      'port',
      port,
      [
        ['1', 1],
        ['65535', 65535],
        ['0', WRONG],
        ['65536', WRONG],
        ['80a', WRONG],
      ],
    ],
    [
      'list',
      list,
      [
        ['a', ['a']],
        [' a , b ,,c ', ['a', 'b', 'c']],
        [',', []],
      ],
    ],
    [
      'url',
      url,
      [
        ['http://x', 'http://x'],
        ['app://callback', 'app://callback'],
        ['nowhere', WRONG],
      ],
    ],
    [
      'json',
      json,
      [
        ['{"a":1}', { a: 1 }],
        ['null', null],
        ['{', WRONG],
      ],
    ],
    [
      'oneOf',
      oneOf('a', 'b'),
      [
        ['a', 'a'],
        ['A', WRONG],
      ],
    ],
    [
      'duration',
      duration,
      [
        ['0', 0],
        ['500ms', 500],
        ['30s', 30_000],
        ['1h30m', 5_400_000],
        ['1.5s', 1_500],
        ['30', WRONG],
        ['1d', WRONG],
        ['-1s', WRONG],
      ],
    ],
    [
      'durationOrSeconds',
      durationOrSeconds,
      [
        ['30', 30_000],
        ['5m', 300_000],
        ['x', WRONG],
      ],
    ],
  ])('%s', (_, type, cases) => {
    for (const [value, expected] of cases) {
      const { success, data } = type.safeParse(value)
      expect([value, success ? data : WRONG]).toEqual([value, expected])
    }
  })
})
