// Tokens to a tree: the part of Lua's expressions that templates use. Statements, functions and tables are not part of it.
import { ExpressionError, lex, type Token } from './lexer.ts'

export type BinaryOperator = 'or' | 'and' | '==' | '~=' | '<' | '>' | '<=' | '>=' | '..' | '+' | '-' | '*' | '/' | '%'

export type Expression =
  | { readonly kind: 'constant'; readonly value: string | number | boolean | undefined }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'index'; readonly object: Expression; readonly key: Expression }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: 'method'; readonly object: Expression; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: 'not' | 'length' | 'minus'; readonly operand: Expression }
  | { readonly kind: 'binary'; readonly operator: BinaryOperator; readonly left: Expression; readonly right: Expression }

// Lowest first; `..` is right associative.
const LEVELS: readonly (readonly BinaryOperator[])[] = [
  ['or'],
  ['and'],
  ['<', '>', '<=', '>=', '~=', '=='],
  ['..'],
  ['+', '-'],
  ['*', '/', '%'],
]
const KEYWORDS = new Set(
  'and break do else elseif end false for function if in local nil not or repeat return then true until while'.split(' '),
)
/** Deeper trees than this are no template that somebody wrote. */
const MAX_DEPTH = 100

/** Throws ExpressionError. */
export function parseExpression(source: string): Expression {
  const parser = new Parser(lex(source))
  const tree = parser.binary(0)
  parser.expectEnd()
  return tree
}

class Parser {
  readonly #tokens: readonly Token[]
  #at = 0
  #depth = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  get #next(): Token {
    return this.#tokens[this.#at]!
  }

  #unexpected(): ExpressionError {
    return new ExpressionError(
      this.#next.kind === 'end' ? 'unexpected end of the expression' : `unexpected symbol near '${this.#next.text}'`,
    )
  }

  #take(...texts: string[]): string | undefined {
    const token = this.#next
    if (token.kind !== 'symbol' && !(token.kind === 'name' && KEYWORDS.has(token.text))) return undefined
    if (!texts.includes(token.text)) return undefined
    this.#at++
    return token.text
  }

  #expect(text: string): void {
    if (this.#take(text) === undefined) throw this.#unexpected()
  }

  #name(): string {
    const token = this.#next
    if (token.kind !== 'name' || KEYWORDS.has(token.text)) throw this.#unexpected()
    this.#at++
    return token.text
  }

  expectEnd(): void {
    if (this.#next.kind !== 'end') throw this.#unexpected()
  }

  binary(level: number): Expression {
    if (++this.#depth > MAX_DEPTH * LEVELS.length) throw new ExpressionError('the expression is nested too deeply')
    try {
      const operators = LEVELS[level]
      if (!operators) return this.#unary()
      let left = this.binary(level + 1)
      for (;;) {
        const operator = this.#take(...operators) as BinaryOperator | undefined
        if (operator === undefined) return left
        const right = this.binary(operator === '..' ? level : level + 1)
        left = { kind: 'binary', operator, left, right }
      }
    } finally {
      this.#depth--
    }
  }

  #unary(): Expression {
    if (++this.#depth > MAX_DEPTH * LEVELS.length) throw new ExpressionError('the expression is nested too deeply')
    try {
      const operator = this.#take('not', '#', '-')
      if (operator === 'not') return { kind: 'not', operand: this.#unary() }
      if (operator === '#') return { kind: 'length', operand: this.#unary() }
      if (operator === '-') return { kind: 'minus', operand: this.#unary() }
      return this.#suffixed()
    } finally {
      this.#depth--
    }
  }

  #suffixed(): Expression {
    const token = this.#next
    if (token.kind === 'string') {
      this.#at++
      return { kind: 'constant', value: token.text }
    }
    if (token.kind === 'number') {
      this.#at++
      return { kind: 'constant', value: token.value }
    }
    if (this.#take('nil') !== undefined) return { kind: 'constant', value: undefined }
    if (this.#take('true') !== undefined) return { kind: 'constant', value: true }
    if (this.#take('false') !== undefined) return { kind: 'constant', value: false }
    let value = this.#primary()
    for (;;) {
      if (this.#take('.') !== undefined) value = { kind: 'index', object: value, key: { kind: 'constant', value: this.#name() } }
      else if (this.#take('[') !== undefined) {
        value = { kind: 'index', object: value, key: this.binary(0) }
        this.#expect(']')
      } else if (this.#take(':') !== undefined) {
        const name = this.#name()
        value = { kind: 'method', object: value, name, args: this.#arguments() }
      } else if (this.#next.kind === 'symbol' && this.#next.text === '(') {
        if (value.kind !== 'name') throw new ExpressionError(`unknown function '${spelled(value)}'`)
        value = { kind: 'call', name: value.name, args: this.#arguments() }
      } else return value
    }
  }

  #primary(): Expression {
    if (this.#take('(') === undefined) return { kind: 'name', name: this.#name() }
    const inner = this.binary(0)
    this.#expect(')')
    return inner
  }

  #arguments(): Expression[] {
    this.#expect('(')
    const args: Expression[] = []
    if (this.#take(')') !== undefined) return args
    do args.push(this.binary(0))
    while (this.#take(',') !== undefined)
    this.#expect(')')
    return args
  }
}

/** `os.exit` of a tree, for messages. */
function spelled(node: Expression): string {
  if (node.kind === 'name') return node.name
  if (node.kind === 'index' && node.key.kind === 'constant') return `${spelled(node.object)}.${String(node.key.value)}`
  return '…'
}
