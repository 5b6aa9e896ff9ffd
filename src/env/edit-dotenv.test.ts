import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseDotenv } from './dotenv.ts'
import { editDotenv } from './edit-dotenv.ts'

const edit = (text: string, values: Record<string, string>) => editDotenv(text, '.env', [{ title: 'Made.', values }])

describe('editDotenv', () => {
  test.each<[string, Record<string, string>, string]>([
    ['', {}, ''],
    ['', { A: '1' }, '# Made.\nA=1\n'],
    ['B=2\n', { A: '1' }, 'B=2\n\n# Made.\nA=1\n'],
    ['B=2', { A: '1' }, 'B=2\n\n# Made.\nA=1\n'],
    ['B=2\r\n', { A: '1' }, 'B=2\r\n\r\n# Made.\r\nA=1\r\n'],
    ['A=\nB=2\n', { A: '1' }, 'A=1\nB=2\n'],
    ['A= # mine\nB=2\n', { A: '1' }, 'A=1 # mine\nB=2\n'],
    ['A=  # mine\n', { A: '1' }, 'A=1 # mine\n'],
    ['export A="old\nvalue" # mine\nB=$A', { A: 'x y' }, "export A='x y' # mine\nB=$A"],
    ['A=1\nA=2\n', { A: '3' }, 'A=1\nA=3\n'],
    ['# A=0\nA: 1\n', { A: '2', C: '' }, '# A=0\nA=2\n\n# Made.\nC=\n'],
    ['\uFEFFA=1', { A: '2' }, '\uFEFFA=2'],
    ['A=1\nB=1\n', { B: '2', A: '3' }, 'A=3\nB=2\n'],
  ])('%j with %j is %j', (text, values, expected) => {
    expect(edit(text, values)).toBe(expected)
  })
  test('several sections, and none where nothing is appended', () => {
    const sections = [
      { title: 'One.', values: { A: '1', B: '2' } },
      { title: 'Two.', values: { C: '3' } },
      { title: 'Three.', values: { D: '4' } },
    ]
    expect(editDotenv('# top\nC=\n', '.env', sections)).toBe('# top\nC=3\n\n# One.\nA=1\nB=2\n\n# Three.\nD=4\n')
  })
  test('whatever the file and the values are: given values are read back, the others and the comments stay', () => {
    const name = fc.constantFrom('A', 'B', 'C')
    const line = fc.oneof(
      fc.tuple(name, fc.constantFrom('', ' ', "'x # y'", '"a\nb" # c', 'plain # c', ' # c', '$$')).map(([key, value]) => `${key}=${value}`),
      fc.constantFrom('', '# comment', '  # A=1', 'export B=2', 'A'),
    )
    fc.assert(
      fc.property(fc.array(line), fc.constantFrom('\n', '\r\n'), fc.dictionary(name, fc.string()), (lines, newline, values) => {
        const text = lines.join(newline)
        const before = parseDotenv(text, { file: '.env' }).values
        const edited = edit(text, values)
        expect({ ...parseDotenv(edited, { file: '.env' }).values }).toEqual({ ...before, ...values })
        expect(edited.split('# c').length).toBeGreaterThanOrEqual(text.split('# c').length)
      }),
      { numRuns: 500 },
    )
  })
})
