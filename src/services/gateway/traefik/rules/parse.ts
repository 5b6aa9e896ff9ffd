// Traefik's rule language as a tree: matchers with their values, `&&`, `||`, `!` and parentheses.

export type Rule =
  | { readonly kind: 'matcher'; readonly name: string; readonly values: readonly string[]; readonly not: boolean }
  | { readonly kind: 'and' | 'or'; readonly left: Rule; readonly right: Rule }

export class RuleError extends Error {}

interface Token {
  readonly kind: 'name' | 'string' | '(' | ')' | ',' | '&&' | '||' | '!' | 'end'
  readonly text: string
  readonly at: number
}

// Deeper rules are mistakes, and recursion has an end.
const MAX_DEPTH = 100

/** Throws RuleError. Names of matchers are given as in the list, whatever their case in Traefik's four spellings. */
export function parseRule(text: string, matchers: ReadonlySet<string>): Rule {
  const tokens = tokenise(text)
  let at = 0
  const peek = () => tokens[at]!
  const take = (kind: Token['kind']): Token => {
    const token = peek()
    if (token.kind !== kind) throw unexpected(token)
    at++
    return token
  }
  const names = spellings(matchers)

  function or(depth: number): Rule {
    let left = and(depth)
    while (peek().kind === '||') {
      at++
      left = { kind: 'or', left, right: and(depth) }
    }
    return left
  }
  function and(depth: number): Rule {
    let left = unary(depth)
    while (peek().kind === '&&') {
      at++
      left = { kind: 'and', left, right: unary(depth) }
    }
    return left
  }
  function unary(depth: number): Rule {
    if (depth > MAX_DEPTH) throw new RuleError('the rule is nested too deeply')
    if (peek().kind === '!') {
      at++
      return invert(unary(depth + 1))
    }
    if (peek().kind === '(') {
      at++
      const inner = or(depth + 1)
      take(')')
      return inner
    }
    const token = take('name')
    const name = names.get(token.text)
    if (name === undefined) throw new RuleError(`unsupported function: ${token.text}`)
    take('(')
    const values: string[] = []
    while (peek().kind !== ')') {
      if (values.length > 0) take(',')
      values.push(take('string').text)
    }
    take(')')
    if (values.length === 0) throw new RuleError(`no args for matcher ${name}`)
    if (values.includes('')) throw new RuleError(`empty args for matcher ${name}, [${values.join(' ')}]`)
    return { kind: 'matcher', name, values, not: false }
  }

  const rule = or(0)
  take('end')
  return rule
}

/** By De Morgan, so that a negation stands at its matcher. */
function invert(rule: Rule): Rule {
  if (rule.kind === 'matcher') return { ...rule, not: !rule.not }
  return { kind: rule.kind === 'and' ? 'or' : 'and', left: invert(rule.left), right: invert(rule.right) }
}

function spellings(matchers: ReadonlySet<string>): Map<string, string> {
  const names = new Map<string, string>()
  for (const name of matchers) {
    const lower = name.toLowerCase()
    for (const spelling of [name, lower, name.toUpperCase(), lower[0]!.toUpperCase() + lower.slice(1)]) names.set(spelling, name)
  }
  return names
}

function unexpected({ kind, text, at }: Token): RuleError {
  return new RuleError(kind === 'end' ? 'unexpected end of the rule' : `unexpected ${JSON.stringify(text)} at position ${at + 1}`)
}

function tokenise(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    const char = text[at]!
    if (/\s/.test(char)) {
      at++
      continue
    }
    const two = text.slice(at, at + 2)
    if (two === '&&' || two === '||') {
      tokens.push({ kind: two, text: two, at })
      at += 2
    } else if (char === '(' || char === ')' || char === ',' || char === '!') {
      tokens.push({ kind: char, text: char, at })
      at++
    } else if (char === '`') {
      const end = text.indexOf('`', at + 1)
      if (end < 0) throw new RuleError(`raw string literal not terminated at position ${at + 1}`)
      tokens.push({ kind: 'string', text: text.slice(at + 1, end), at })
      at = end + 1
    } else if (char === '"') {
      const literal = /^"(?:[^"\\\n]|\\.)*"/.exec(text.slice(at))
      if (!literal) throw new RuleError(`string literal not terminated at position ${at + 1}`)
      tokens.push({ kind: 'string', text: unquote(literal[0]), at })
      at += literal[0].length
    } else {
      const name = /^[A-Za-z_]\w*/.exec(text.slice(at))
      if (!name) throw new RuleError(`illegal character ${JSON.stringify(char)} at position ${at + 1}`)
      tokens.push({ kind: 'name', text: name[0], at })
      at += name[0].length
    }
  }
  tokens.push({ kind: 'end', text: '', at })
  return tokens
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\', '"': '"', "'": "'" }

function unquote(literal: string): string {
  return literal.slice(1, -1).replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)/g, (whole, sequence: string) => {
    if (/^[xu]./.test(sequence)) return String.fromCharCode(Number.parseInt(sequence.slice(1), 16))
    const char = ESCAPES[sequence]
    if (char === undefined) throw new RuleError(`unknown escape sequence ${whole}`)
    return char
  })
}

/** The rule as text; what it prints parses back to the same tree. */
export function printRule(rule: Rule): string {
  if (rule.kind === 'matcher') {
    const values = rule.values.map((value) => (value.includes('`') ? JSON.stringify(value) : `\`${value}\``))
    return `${rule.not ? '!' : ''}${rule.name}(${values.join(', ')})`
  }
  return `(${printRule(rule.left)} ${rule.kind === 'and' ? '&&' : '||'} ${printRule(rule.right)})`
}
