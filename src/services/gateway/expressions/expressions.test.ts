import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileExpression, type Scopes } from './evaluate.ts'
import { ExpressionError, lex } from './lexer.ts'
import { matchPattern } from './lua-pattern.ts'
import { type BinaryOperator, type Expression, parseExpression } from './parse.ts'
import { compileTemplate } from './template.ts'
import { EvaluationError } from './value.ts'

const headers: Record<string, string | string[]> = {
  authorization: 'Bearer sb_secret_x',
  apikey: 'sb_secret_x',
  'x-in': 'Val',
  many: ['1', '2'],
}
const scopes: Scopes = {
  header: (key) => headers[key.replaceAll('_', '-')],
  parameter: (name) => ({ q: 'qq', bare: true })[name],
  capture: (name) => ({ user: 'ann', 2: 'two' })[name],
}
const evaluate = (source: string) => compileExpression(source)(scopes)

test.each([
  ["'a' .. 1 .. 'b'", 'a1b'],
  ['1 + 2 * 3', 7],
  ['(1 + 2) * 3', 9],
  ['-2 + 5 % 3', 0],
  ['10 / 4', 2.5],
  ["'10' + 5", 15],
  ['nil or 1', 1],
  ['false and 1', false],
  ['nil and 1', undefined],
  ['0 and 1', 1],
  ["'' or 1", ''],
  ['not nil == true', true],
  ['1 < 2 and 2 <= 2 and 3 > 2 and 3 >= 3', true],
  ["'a' < 'b'", true],
  ["1 == '1'", false],
  ["'a' ~= nil", true],
  ["#'abc'", 3],
  ['headers.authorization', 'Bearer sb_secret_x'],
  ["headers['X-In']", 'Val'],
  ['headers.x_in', 'Val'],
  ['headers.absent', undefined],
  ['#headers.many', 2],
  ['headers.many[2]', '2'],
  ['query_params.q', 'qq'],
  ['query_params.bare', true],
  ['uri_captures.user .. uri_captures[2]', 'anntwo'],
  ['shared.anything', undefined],
  ['type(headers.apikey) .. type(headers.absent) .. type(headers) .. type(1)', 'stringniltablenumber'],
  ["('Bearer x'):sub(1, 6)", 'Bearer'],
  ['headers.x_in:sub(-2)', 'al'],
  ['headers.x_in:sub(2, 2)', 'a'],
  ['headers.x_in:sub(10)', ''],
  ['headers.x_in:upper() .. headers.x_in:lower()', 'VALval'],
  ['headers.x_in:len()', 3],
  ["headers.x_in:find('l')", 3],
  ["headers.x_in:find('z')", undefined],
  ["('a.b'):find('.', 1, true)", 2],
  ["headers.authorization:match('Bearer (.+)')", 'sb_secret_x'],
  ["('a-b-c'):gsub('-', '+')", 'a+b+c'],
  ["('hello'):gsub('(l)(l)', '%2%1_')", 'hell_o'],
  ["('ab'):rep(2)", 'abab'],
  ["('ab'):byte(2)", 98],
  ["('abc'):reverse()", 'cba'],
])('%s is %j', (source, value) => {
  expect(evaluate(source)).toBe(value)
})

test.each([
  ['headers..', 'unexpected'],
  ['headers.', 'unexpected end'],
  ['os.exit()', "unknown function 'os.exit'"],
  ['require("x")', "unknown function 'require'"],
  ["('x'):dump()", "unknown method 'dump'"],
  ["('x'):constructor()", "unknown method 'constructor'"],
  ['constructor', "unknown name 'constructor'"],
  ['__proto__.x', "unknown name '__proto__'"],
  ['function() end', 'unexpected'],
  ['{}', 'unexpected symbol'],
  ["'open", 'unfinished string'],
  ['1 1', 'unexpected'],
  ['', 'unexpected end'],
  ['a = 1', 'unexpected symbol'],
  ['('.repeat(5_000), 'too deeply'],
  ['not '.repeat(5_000), 'too deeply'],
])('%.40s is refused when it is read: %s', (source, message) => {
  expect(() => compileExpression(source)).toThrow(ExpressionError)
  expect(() => compileExpression(source)).toThrow(message)
})

test.each([
  'headers.absent.x',
  'headers.absent:sub(1)',
  '#headers.absent',
  'nil .. 1',
  'headers < 1',
  "'a' + 1",
  "('x'):rep(1000000)",
  "('x'):find('(')",
])('%s fails on the request, as it does upstream', (source) => {
  expect(() => evaluate(source)).toThrow(EvaluationError)
})

describe('the grammar', () => {
  const name = fc.constantFrom('headers', 'query_params', 'uri_captures', 'x_1')
  const constant: fc.Arbitrary<Expression> = fc
    .oneof(fc.string({ maxLength: 6 }), fc.nat(1_000), fc.boolean(), fc.constant(undefined))
    .map((value) => ({ kind: 'constant', value }))
  const operator = fc.constantFrom<BinaryOperator>('or', 'and', '==', '~=', '<', '>', '<=', '>=', '..', '+', '-', '*', '/', '%')
  const { tree } = fc.letrec<{ tree: Expression }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      constant,
      name.map((text): Expression => ({ kind: 'name', name: text })),
      fc.record({ kind: fc.constant('index' as const), object: tie('tree'), key: tie('tree') }),
      fc.record({
        kind: fc.constant('method' as const),
        object: tie('tree'),
        name: fc.constantFrom('sub', 'lower'),
        args: fc.array(tie('tree'), { maxLength: 2 }),
      }),
      fc.record({ kind: fc.constantFrom('not' as const, 'length' as const, 'minus' as const), operand: tie('tree') }),
      fc.record({ kind: fc.constant('binary' as const), operator, left: tie('tree'), right: tie('tree') }),
    ),
  }))

  test('reads back what is printed', () => {
    fc.assert(
      fc.property(tree, (given) => {
        expect(parseExpression(print(given))).toEqual(given)
      }),
    )
  })

  test('answers any text with a tree or an ExpressionError', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc
            .array(fc.constantFrom('headers', '.', '(', ')', '[', ']', "'", '"', ':sub', '..', 'and', '#', '1'), { maxLength: 30 })
            .map((parts) => parts.join(' ')),
        ),
        (source) => {
          try {
            parseExpression(source)
            lex(source)
          } catch (error) {
            expect(error).toBeInstanceOf(ExpressionError)
          }
        },
      ),
    )
  })
})

/** Everything in parentheses: what is read has to come from the structure alone. */
function print(node: Expression): string {
  switch (node.kind) {
    case 'constant':
      if (node.value === undefined) return 'nil'
      return typeof node.value === 'string' ? quote(node.value) : String(node.value)
    case 'name':
      return node.name
    case 'index':
      return `(${print(node.object)})[${print(node.key)}]`
    case 'call':
      return `${node.name}(${node.args.map(print).join(', ')})`
    case 'method':
      return `(${print(node.object)}):${node.name}(${node.args.map(print).join(', ')})`
    case 'not':
      return `(not (${print(node.operand)}))`
    case 'length':
      return `(#(${print(node.operand)}))`
    case 'minus':
      return `(-(${print(node.operand)}))`
    case 'binary':
      return `((${print(node.left)}) ${node.operator} (${print(node.right)}))`
  }
}

const quote = (text: string) =>
  `'${text
    .replace(/['\\]/g, (char) => `\\${char}`)
    .replace(/\n/g, '\\n')
    .replace(/\r/g, '\\r')}'`

describe('patterns', () => {
  test.each([
    ['hello world', 'o w', 4, 7, []],
    ['hello', '^h(.-)o$', 0, 5, ['ell']],
    ['key = value', '(%w+)%s*=%s*(%w+)', 0, 11, ['key', 'value']],
    ['  x', '^%s*', 0, 2, []],
    ['', '^%s*$', 0, 0, []],
    ['f(a(b)c)d', '%b()', 1, 8, []],
    ['THE (quick)', '%f[%a]%a+', 0, 3, []],
    ['a.b', '%.', 1, 2, []],
    ['x1y22', '%d+$', 3, 5, []],
    ['abc', '[^ab]', 2, 3, []],
    ['a-b', '[a%-]+', 0, 2, []],
    ['aXb', '()X()', 1, 2, [2, 3]],
    ['abab', '(ab)%1', 0, 4, ['ab']],
  ])('%j %j from %i to %i', (text, pattern, start, end, captures) => {
    expect(matchPattern(text, pattern, 0)).toEqual({ start, end, captures })
  })

  test.each([
    ['abc', 'd'],
    ['abc', '^b'],
    ['abc', 'c^'],
  ])('%j has no %j', (text, pattern) => expect(matchPattern(text, pattern, 0)).toBeUndefined())

  test('one that backtracks without end stops', () => {
    expect(() => matchPattern('a'.repeat(200), '.-.-.-.-.-.-.-.-b', 0)).toThrow(EvaluationError)
    expect(() => matchPattern('a'.repeat(100_000), `${'a?'.repeat(100)}b`, 0)).toThrow(EvaluationError)
  })

  test('any pattern gives a match, none, or an EvaluationError', () => {
    const pattern = fc
      .array(fc.constantFrom('%', '(', ')', '[', ']', '^', '$', '.', '*', '+', '-', '?', 'a', 'b', '%b', '%f', '%1', '%a'), {
        maxLength: 12,
      })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), pattern, (text, source) => {
        try {
          matchPattern(text, source, 0)
        } catch (error) {
          expect(error).toBeInstanceOf(EvaluationError)
        }
      }),
    )
  })
})

describe('a template', () => {
  test.each([
    ['plain', 'plain'],
    ['a-$(query_params.q)-z', 'a-qq-z'],
    ['$(headers.absent)', ''],
    ['$(\'a)b\' .. "(")', 'a)b('],
    ['$(1)$(2)', '12'],
    ['costs $5 (five)', 'costs $5 (five)'],
    ['$(unclosed', '$(unclosed'],
    ['é', '\xc3\xa9'],
  ])('%s renders %j', (source, text) => expect(compileTemplate(source).render(scopes)).toBe(text))

  test('of several values cannot be written', () => {
    expect(() => compileTemplate('$(headers.many)').render(scopes)).toThrow(EvaluationError)
  })

  test('never shows the texts in it when it is refused: they may be keys', () => {
    expect(() => compileTemplate("$(header.apikey == 'sb_secret_real' and 'x')")).toThrow(
      /^expression \$\(header\.apikey == '…' and '…'\) is not understood: unknown name 'header'$/,
    )
  })
})
