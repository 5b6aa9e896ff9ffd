import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DotenvError, formatDotenvValue, parseDotenv } from './dotenv.ts'

const read = (text: string, env: Record<string, string> = {}) => ({ ...parseDotenv(text, { file: '.env', env }).values })

describe('parseDotenv', () => {
  test.each<[string, Record<string, string>]>([
    ['', {}],
    ['\n\n  \n', {}],
    ['# only a comment', {}],
    ['A=1', { A: '1' }],
    ['A=1\nB=2\n', { A: '1', B: '2' }],
    ['A=1\r\nB=2\r\n', { A: '1', B: '2' }],
    ['\uFEFFA=1', { A: '1' }],
    ['A=1\nA=2', { A: '2' }],
    ['  A = 1  ', { A: '1' }],
    ['A: 1', { A: '1' }],
    ['export A=1\nexport\tB=2', { A: '1', B: '2' }],
    ['export=1', { export: '1' }],
    ['a.b-c_D9=1', { 'a.b-c_D9': '1' }],
    ['A=', { A: '' }],
    ['A=\nB=2', { A: '', B: '2' }],
    ['A', {}],
    ['A\nB=2', { B: '2' }],
    ['A=a b c', { A: 'a b c' }],
    ['A=a=b==', { A: 'a=b==' }],
    // comments
    ['A=1 # one', { A: '1' }],
    ['A=1\t# one', { A: '1' }],
    ['A=1#one', { A: '1#one' }],
    ['A=#one', { A: '#one' }],
    ['A= # nothing', { A: '' }],
    ['  # B=1\nA=1', { A: '1' }],
    [`A='1' # one`, { A: '1' }],
    [`A="1 # one"`, { A: '1 # one' }],
    // single quotes
    [`A='$B \${B} \\n "x"'`, { A: '$B ${B} \\n "x"' }],
    [`A=''`, { A: '' }],
    [`A='it\\'s'`, { A: `it's` }],
    [`A='one\ntwo'\nB=2`, { A: 'one\ntwo', B: '2' }],
    [`A='a\\\\'`, { A: 'a\\\\' }],
    // double quotes
    [`A="a\\nb\\tc\\rd"`, { A: 'a\nb\tc\rd' }],
    [`A="say \\"hi\\" \\\\ \\x"`, { A: 'say "hi" \\ \\x' }],
    [`A="one\r\ntwo"\r\nB=2`, { A: 'one\ntwo', B: '2' }],
    [`B=b\nA="$B \${B:-x} \\$B $$B"`, { B: 'b', A: 'b b $B $B' }],
    [`A="it's"`, { A: `it's` }],
    [`A={"a":"b"}`, { A: '{"a":"b"}' }],
    // interpolation
    ['A=1\nB=$A\nC=${B}0', { A: '1', B: '1', C: '10' }],
    ['B=$A\nA=1', { B: '', A: '1' }],
    ['A=p$\nB=a$%b', { A: 'p$', B: 'a$%b' }],
    ['A=${JWT_JWKS:-${JWT_SECRET}}', { A: '' }],
    ['constructor=1\nA=$toString', { constructor: '1', A: '' }],
  ])('%j', (text, expected) => {
    expect(read(text)).toEqual(expected)
  })

  test('the process environment wins over earlier lines in references, also when it is empty', () => {
    expect(read('A=file\nB=file\nC=$A-$B-$D', { A: 'process', B: '', D: 'd' })).toMatchObject({ C: 'process--d' })
  })
  test('references are left alone when the caller says so', () => {
    expect(parseDotenv('A=$B\nC="${B}\\$"', { file: '.env', interpolate: false }).values).toEqual({ A: '$B', C: '${B}$' })
  })
  test('says which variables were not set, and where', () => {
    expect(parseDotenv('A=1\nB=$NO\n\nC="${NO2}"', { file: '.env' }).unset).toEqual([
      { name: 'NO', line: 2 },
      { name: 'NO2', line: 4 },
    ])
  })
  test('says where each statement stands', () => {
    const text = '# c\nexport A=1 # one\nB="x\ny"\n'
    const { entries } = parseDotenv(text, { file: '.env' })
    expect(entries.map(({ start, end, line }) => [text.slice(start, end), line])).toEqual([
      ['export A=1', 2],
      ['B="x\ny"', 3],
    ])
  })

  test.each<[string, number, string]>([
    ['A=1\nB$=2', 2, `unexpected character '$' in variable name`],
    ['A=1\n\n"secret', 3, `unexpected character '"' in variable name`],
    ['=secret', 1, `unexpected character '=' in variable name`],
    ['A B=secret', 1, `unexpected character 'B' in variable name`],
    ['A\u0007=secret', 1, `unexpected character '\\u0007' in variable name`],
    ['A=1\nB="secret\n\n', 2, 'unterminated quoted value'],
    [`A='secret\\'`, 1, 'unterminated quoted value'],
    [`A='one\ntwo' secret`, 2, 'unexpected text after a quoted value'],
    ['A=1\nB=x${secret', 2, '"${secret" is not closed as a reference has to be'],
    ['A=\n\nB=${A:?say why}', 3, 'required variable A is missing a value: say why'],
  ])('%j is refused at line %d: %s', (text, line, problem) => {
    let error: unknown
    try {
      read(text)
    } catch (caught) {
      error = caught
    }
    expect(error).toBeInstanceOf(DotenvError)
    expect(error).toMatchObject({ file: '.env', line, problem, message: `Cannot read .env, line ${line}: ${problem}` })
  })
  test('a value is never in the message', () => {
    for (const text of ['TOKEN="s3cr3t\n', "A=1\nTOKEN's3cr3t'", `TOKEN='x' s3cr3t`]) {
      expect(() => read(text)).toThrow(DotenvError)
      expect(() => read(text)).not.toThrow(/s3cr3t/)
    }
  })
})

describe('formatDotenvValue', () => {
  test.each<[string, string]>([
    ['', ''],
    ['abc+/=', 'abc+/='],
    ['http://localhost:3000', 'http://localhost:3000'],
    ['two words', `'two words'`],
    ['{"a":1}', `'{"a":1}'`],
    ['p@ss:w/rd#%&', `'p@ss:w/rd#%&'`],
    [`it's`, `"it's"`],
    [`p@ss:w/rd#%&'"$`, `"p@ss:w/rd#%&'\\"\\$"`],
    ['a\\', '"a\\\\"'],
  ])('%s is written %s', (value, written) => {
    expect(formatDotenvValue(value)).toBe(written)
    expect(read(`A=${written}`)).toEqual({ A: value })
  })
  test('whatever is written reads back, between other lines', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('$', '{', '}', '"', "'", '\\', '#', ' ', '\n', '\r', 'A', '=', 'n') }),
    )
    fc.assert(
      fc.property(value, fc.constantFrom('\n', '\r\n', ' # comment\n'), (text, end) => {
        expect(read(`A=x${end}B=${formatDotenvValue(text)}${end}C=y`)).toEqual({ A: 'x', B: text, C: 'y' })
      }),
      { numRuns: 500 },
    )
  })
})

test('any text gives values or a DotenvError', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('A=', '\n', '"', "'", '${', '}', 'export ', '#', '\\', '$A', ':-', '\r\n'),
  )
  fc.assert(
    fc.property(
      fc.array(piece).map((parts) => parts.join('')),
      (text) => {
        try {
          const { entries } = parseDotenv(text, { file: '.env' })
          for (const { name, start, end } of entries) {
            expect(end).toBeGreaterThan(start)
            expect(text.slice(start, end)).toContain(name)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(DotenvError)
        }
      },
    ),
    { numRuns: 500 },
  )
})
