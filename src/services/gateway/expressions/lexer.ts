// Words of the Lua expressions that stand in templates.

export type Token =
  | { readonly kind: 'name' | 'string' | 'symbol'; readonly text: string; readonly at: number }
  | { readonly kind: 'number'; readonly text: string; readonly value: number; readonly at: number }
  | { readonly kind: 'end'; readonly text: ''; readonly at: number }

/** An expression that cannot be read. Sentences for the start message: they quote the expression's own words only. */
export class ExpressionError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ExpressionError'
  }
}

const SYMBOLS = ['..', '==', '~=', '<=', '>=', '(', ')', '[', ']', '.', ':', ',', '#', '<', '>', '+', '-', '*', '/', '%']
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
}

export function lex(source: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < source.length) {
    const rest = source.slice(at)
    const blank = /^\s+/.exec(rest)
    if (blank) {
      at += blank[0].length
      continue
    }
    const name = /^[A-Za-z_][A-Za-z0-9_]*/.exec(rest)
    if (name) {
      tokens.push({ kind: 'name', text: name[0], at })
      at += name[0].length
      continue
    }
    const number = /^(0x[0-9a-fA-F]+|(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)/.exec(rest)
    if (number) {
      tokens.push({ kind: 'number', text: number[0], value: Number(number[0]), at })
      at += number[0].length
      continue
    }
    if (rest[0] === "'" || rest[0] === '"') {
      const { text, length } = readString(rest)
      tokens.push({ kind: 'string', text, at })
      at += length
      continue
    }
    const symbol = SYMBOLS.find((candidate) => rest.startsWith(candidate))
    if (!symbol) throw new ExpressionError(`unexpected symbol near '${rest[0]}'`)
    tokens.push({ kind: 'symbol', text: symbol, at })
    at += symbol.length
  }
  tokens.push({ kind: 'end', text: '', at })
  return tokens
}

function readString(source: string): { text: string; length: number } {
  const quote = source[0]
  let text = ''
  for (let i = 1; i < source.length; i++) {
    const char = source[i]!
    if (char === quote) return { text, length: i + 1 }
    if (char !== '\\') {
      text += char
      continue
    }
    const decimal = /^\d{1,3}/.exec(source.slice(i + 1))
    if (decimal) {
      text += String.fromCharCode(Number(decimal[0]) & 0xff)
      i += decimal[0].length
      continue
    }
    const escaped = ESCAPES[source[i + 1] ?? '']
    if (escaped === undefined) throw new ExpressionError('invalid escape sequence in a string')
    text += escaped
    i++
  }
  throw new ExpressionError('unfinished string')
}
