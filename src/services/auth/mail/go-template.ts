// Go's template language, as mail templates use it: fields, conditions, loops, variables, pipelines and the built-in functions.
// `define`, `template` and `block` are not part of it. Output goes through an escaper that knows where in the page it lands.

export type Escaper = (value: unknown) => string
/** Sees the literal text as it goes out, and gives the escaper for a value at this place. */
export interface Output {
  literal(text: string): void
  value(value: unknown): void
}

export interface Template {
  execute(data: unknown, output: Output): void
}

/** Throws SyntaxError for what is no template. */
export function parseTemplate(source: string): Template {
  const parser = new Parser(tokenize(source))
  const nodes = parser.list([])
  return { execute: (data, output) => run(nodes, { dot: data, variables: new Map([['$', data]]) }, output) }
}

// ---- lexer: literal text and actions

type Piece = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'action'; readonly tokens: readonly Token[] }
type Token =
  | { readonly kind: 'field' | 'word' | 'variable'; readonly text: string }
  | { readonly kind: 'constant'; readonly value: unknown }
  | { readonly kind: 'symbol'; readonly text: string }

const ACTION = /\{\{(-(?=\s))?((?:"(?:\\.|[^"\\\n])*"|`[^`]*`|(?!-?\}\})[\s\S])*?)(\s-)?\}\}/g
const TOKEN = /\s*(?:("(?:\\.|[^"\\\n])*")|(`[^`]*`)|('(?:\\.|[^'\\])')|(-?\d+(?:\.\d+)?)|(\$\w*)|(\.\w+)|([A-Za-z_]\w*)|(:=|[|().,=]))/y

function tokenize(source: string): readonly Piece[] {
  const pieces: Piece[] = []
  let at = 0
  let trimNext = false
  const text = (raw: string, trimEnd: boolean) => {
    let value = raw
    if (trimNext) value = value.trimStart()
    if (trimEnd) value = value.trimEnd()
    if (value !== '') pieces.push({ kind: 'text', text: value })
  }
  for (const match of source.matchAll(ACTION)) {
    text(source.slice(at, match.index), match[1] !== undefined)
    trimNext = match[3] !== undefined
    at = match.index + match[0].length
    const body = match[2]!
    if (!/^\s*\/\*[\s\S]*\*\/\s*$/.test(body)) pieces.push({ kind: 'action', tokens: tokensOf(body) })
  }
  const rest = source.slice(at)
  if (rest.includes('{{')) throw new SyntaxError('Cannot read the template: an action is not closed')
  text(rest, false)
  return pieces
}

function tokensOf(body: string): readonly Token[] {
  const tokens: Token[] = []
  TOKEN.lastIndex = 0
  let previousEnd = 0
  while (body.slice(TOKEN.lastIndex).trim() !== '') {
    const start = TOKEN.lastIndex
    const match = TOKEN.exec(body)
    if (!match) throw new SyntaxError(`Cannot read the template: unexpected ${JSON.stringify(body.slice(start).trim()[0])} in an action`)
    const [whole, quoted, raw, char, number, variable, field, word, symbol] = match
    const touches = start === previousEnd && !/^\s/.test(whole)
    previousEnd = TOKEN.lastIndex
    if (quoted !== undefined) tokens.push({ kind: 'constant', value: unquote(quoted) })
    else if (raw !== undefined) tokens.push({ kind: 'constant', value: raw.slice(1, -1) })
    else if (char !== undefined) tokens.push({ kind: 'constant', value: unquote(`"${char.slice(1, -1)}"`).codePointAt(0) })
    else if (number !== undefined) tokens.push({ kind: 'constant', value: Number(number) })
    else if (variable !== undefined) tokens.push({ kind: 'variable', text: variable })
    // `.a.b` and `$x.a` are one operand, `f .a` are two.
    else if (field !== undefined)
      tokens.push(touches && tokens.length > 0 ? { kind: 'symbol', text: field } : { kind: 'field', text: field.slice(1) })
    else if (word !== undefined) tokens.push(wordToken(word))
    else tokens.push({ kind: 'symbol', text: symbol! })
  }
  return tokens
}

function wordToken(word: string): Token {
  if (word === 'true' || word === 'false') return { kind: 'constant', value: word === 'true' }
  if (word === 'nil') return { kind: 'constant', value: null }
  return { kind: 'word', text: word }
}

function unquote(text: string): string {
  try {
    return JSON.parse(text) as string
  } catch {
    throw new SyntaxError('Cannot read the template: a string is not closed or holds an unknown escape')
  }
}

// ---- parser

type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly pipe: Pipe }
  | { readonly kind: 'if' | 'with' | 'range'; readonly pipe: Pipe; readonly then: readonly Node[]; readonly otherwise: readonly Node[] }

interface Pipe {
  readonly declares: readonly string[]
  readonly assigns: boolean
  readonly commands: readonly (readonly Operand[])[]
}

type Operand = { readonly path: readonly string[] } & (
  | { readonly kind: 'dot' }
  | { readonly kind: 'constant'; readonly value: unknown }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'call'; readonly name: string }
  | { readonly kind: 'pipe'; readonly pipe: Pipe }
)

// Deeper nesting than any mail has; a bound on recursion.
const MAX_DEPTH = 100

class Parser {
  readonly #pieces: readonly Piece[]
  #at = 0
  #depth = 0
  /** The action that ended the last list: `end`, or an `else` with what follows it. */
  #ended: readonly Token[] = []

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces
  }

  list(until: readonly string[]): readonly Node[] {
    if (++this.#depth > MAX_DEPTH) throw new SyntaxError('Cannot read the template: it is nested too deeply')
    const nodes: Node[] = []
    while (this.#at < this.#pieces.length) {
      const piece = this.#pieces[this.#at++]!
      if (piece.kind === 'text') {
        nodes.push(piece)
        continue
      }
      const first = piece.tokens[0]
      const word = first?.kind === 'word' ? first.text : ''
      if (until.includes(word)) {
        this.#ended = piece.tokens
        this.#depth--
        return nodes
      }
      if (word === 'end' || word === 'else') throw new SyntaxError(`Cannot read the template: unexpected {{${word}}}`)
      if (['define', 'template', 'block', 'break', 'continue'].includes(word))
        throw new SyntaxError(`Cannot read the template: {{${word}}} is not supported`)
      if (word === 'if' || word === 'with' || word === 'range') nodes.push(this.#control(word, piece.tokens.slice(1)))
      else nodes.push({ kind: 'print', pipe: readPipe(piece.tokens) })
    }
    if (until.length > 0) throw new SyntaxError('Cannot read the template: {{end}} is missing')
    this.#depth--
    return nodes
  }

  #control(kind: 'if' | 'with' | 'range', head: readonly Token[]): Node {
    const pipe = readPipe(head)
    const then = this.list(['end', 'else'])
    const [word, next] = this.#ended
    if (word?.kind === 'word' && word.text === 'end') return { kind, pipe, then, otherwise: [] }
    if (next?.kind === 'word' && (next.text === 'if' || next.text === 'with'))
      return { kind, pipe, then, otherwise: [this.#control(next.text, this.#ended.slice(2))] }
    return { kind, pipe, then, otherwise: this.list(['end']) }
  }
}

function readPipe(tokens: readonly Token[]): Pipe {
  const cursor = { tokens, at: 0 }
  const pipe = pipeAt(cursor, 0)
  if (cursor.at < tokens.length) throw new SyntaxError('Cannot read the template: an action goes on where it should end')
  return pipe
}

interface Cursor {
  readonly tokens: readonly Token[]
  at: number
}

const isSymbol = (token: Token | undefined, text: string): boolean => token?.kind === 'symbol' && token.text === text

function pipeAt(cursor: Cursor, depth: number): Pipe {
  if (depth > MAX_DEPTH) throw new SyntaxError('Cannot read the template: it is nested too deeply')
  const { declares, assigns } = declarationAt(cursor)
  const commands: Operand[][] = []
  do {
    const operands: Operand[] = []
    for (;;) {
      const operand = operandAt(cursor, depth)
      if (!operand) break
      operands.push(operand)
    }
    if (operands.length === 0) throw new SyntaxError('Cannot read the template: a value is missing in an action')
    commands.push(operands)
  } while (isSymbol(cursor.tokens[cursor.at], '|') && ++cursor.at)
  return { declares, assigns, commands }
}

function declarationAt(cursor: Cursor): { declares: readonly string[]; assigns: boolean } {
  const names: string[] = []
  let at = cursor.at
  for (;;) {
    const token = cursor.tokens[at]
    if (token?.kind !== 'variable') break
    names.push(token.text)
    at++
    if (!isSymbol(cursor.tokens[at], ',')) break
    at++
  }
  const operator = cursor.tokens[at]
  if (names.length === 0 || !(isSymbol(operator, ':=') || isSymbol(operator, '='))) return { declares: [], assigns: false }
  cursor.at = at + 1
  return { declares: names, assigns: isSymbol(operator, '=') }
}

function operandAt(cursor: Cursor, depth: number): Operand | undefined {
  const token = cursor.tokens[cursor.at]
  if (!token) return undefined
  const path: string[] = []
  let base: Operand
  if (token.kind === 'constant') base = { kind: 'constant', value: token.value, path }
  else if (token.kind === 'variable') base = { kind: 'variable', name: token.text, path }
  else if (token.kind === 'word') base = { kind: 'call', name: token.text, path }
  else if (token.kind === 'field') {
    base = { kind: 'dot', path }
    path.push(token.text)
  } else if (token.text === '.') base = { kind: 'dot', path }
  else if (token.text === '(') {
    cursor.at++
    const pipe = pipeAt(cursor, depth + 1)
    if (!isSymbol(cursor.tokens[cursor.at], ')')) throw new SyntaxError('Cannot read the template: a parenthesis is not closed')
    base = { kind: 'pipe', pipe, path }
  } else return undefined
  cursor.at++
  for (;;) {
    const next = cursor.tokens[cursor.at]
    if (next?.kind !== 'symbol' || !/^\.\w/.test(next.text)) return base
    path.push(next.text.slice(1))
    cursor.at++
  }
}

// ---- execution

interface Scope {
  readonly dot: unknown
  readonly variables: Map<string, unknown>
}

function run(nodes: readonly Node[], scope: Scope, output: Output): void {
  for (const node of nodes) {
    if (node.kind === 'text') output.literal(node.text)
    else if (node.kind === 'print') {
      const value = evaluate(node.pipe, scope)
      if (node.pipe.declares.length === 0) output.value(value)
    } else control(node, scope, output)
  }
}

function control(node: Extract<Node, { kind: 'if' | 'with' | 'range' }>, scope: Scope, output: Output): void {
  const inner: Scope = { dot: scope.dot, variables: new Map(scope.variables) }
  const value = evaluate(node.pipe, inner)
  if (node.kind !== 'range') {
    if (isTrue(value)) run(node.then, node.kind === 'with' ? { ...inner, dot: value } : inner, output)
    else run(node.otherwise, inner, output)
    return
  }
  const entries: readonly (readonly [unknown, unknown])[] = Array.isArray(value)
    ? value.map((item, index) => [index, item] as const)
    : isMap(value)
      ? Object.keys(value)
          .sort()
          .map((key) => [key, value[key]] as const)
      : []
  if (entries.length === 0) run(node.otherwise, inner, output)
  const [first, second] = node.pipe.declares
  for (const [key, item] of entries) {
    const variables = new Map(inner.variables)
    if (first !== undefined) variables.set(first, second === undefined ? item : key)
    if (second !== undefined) variables.set(second, item)
    run(node.then, { dot: item, variables }, output)
  }
}

function evaluate(pipe: Pipe, scope: Scope): unknown {
  let value: unknown
  for (const [index, [head, ...rest]] of pipe.commands.entries()) {
    const piped = index > 0 ? [value] : []
    if (head!.kind === 'call')
      value = lookUp(call(head!.name, [...rest.map((operand) => () => resolve(operand, scope)), ...piped.map((v) => () => v)]), head!.path)
    else if (rest.length > 0 || piped.length > 0) throw new TypeError('Cannot execute the template: a value is no function')
    else value = resolve(head!, scope)
  }
  for (const name of pipe.declares) scope.variables.set(name, value)
  return value
}

function resolve(operand: Operand, scope: Scope): unknown {
  switch (operand.kind) {
    case 'dot':
      return lookUp(scope.dot, operand.path)
    case 'constant':
      return operand.value
    case 'variable':
      if (!scope.variables.has(operand.name)) throw new ReferenceError(`Cannot execute the template: undefined variable ${operand.name}`)
      return lookUp(scope.variables.get(operand.name), operand.path)
    case 'call':
      return lookUp(call(operand.name, []), operand.path)
    case 'pipe':
      return lookUp(evaluate(operand.pipe, scope), operand.path)
  }
}

/** Own keys only: a template must not reach into the program. */
function lookUp(value: unknown, path: readonly string[]): unknown {
  let at = value
  for (const key of path) at = isMap(at) && Object.hasOwn(at, key) ? at[key] : undefined
  return at
}

const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0
  if (isMap(value)) return Object.keys(value).length > 0
  return Boolean(value)
}

/** As Go prints it. */
export function print(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (Array.isArray(value)) return `[${value.map(print).join(' ')}]`
  if (isMap(value))
    return `map[${Object.keys(value)
      .sort()
      .map((key) => `${key}:${print(value[key])}`)
      .join(' ')}]`
  return String(value)
}

type Lazy = () => unknown

const order = (a: unknown, b: unknown): number => {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0
  throw new TypeError('Cannot execute the template: values of different kinds are compared')
}

function need(args: readonly Lazy[], count: number, name: string): unknown[] {
  if (args.length < count) throw new TypeError(`Cannot execute the template: ${name} needs ${count} value(s)`)
  return args.map((arg) => arg())
}

function call(name: string, args: readonly Lazy[]): unknown {
  switch (name) {
    case 'and':
    case 'or': {
      let value: unknown
      for (const arg of args) {
        value = arg()
        if (isTrue(value) === (name === 'or')) return value
      }
      return value
    }
    case 'not':
      return !isTrue(need(args, 1, name)[0])
    case 'eq': {
      const [first, ...others] = need(args, 2, name)
      return others.some((other) => other === first)
    }
    case 'ne': {
      const [a, b] = need(args, 2, name)
      return a !== b
    }
    case 'lt':
    case 'le':
    case 'gt':
    case 'ge': {
      const [a, b] = need(args, 2, name)
      const by = order(a, b)
      return name === 'lt' ? by < 0 : name === 'le' ? by <= 0 : name === 'gt' ? by > 0 : by >= 0
    }
    case 'len': {
      const [value] = need(args, 1, name)
      if (typeof value === 'string') return Buffer.byteLength(value)
      return Array.isArray(value) ? value.length : isMap(value) ? Object.keys(value).length : 0
    }
    case 'index': {
      const [value, ...keys] = need(args, 1, name)
      return keys.reduce<unknown>((at, key) => (Array.isArray(at) ? at[Number(key)] : lookUp(at, [String(key)])), value)
    }
    case 'slice': {
      const [value, from = 0, to] = need(args, 1, name)
      if (typeof value !== 'string' && !Array.isArray(value)) throw new TypeError('Cannot execute the template: slice of what has no parts')
      return value.slice(Number(from), to === undefined ? undefined : Number(to))
    }
    case 'print':
    case 'println':
      return (
        need(args, 0, name)
          .map(print)
          .join(name === 'print' ? '' : ' ') + (name === 'println' ? '\n' : '')
      )
    case 'printf':
      return format(need(args, 1, name))
    case 'urlquery':
      return encodeURIComponent(need(args, 1, name).map(print).join('')).replaceAll('%20', '+')
    // The page's own escaper does what these would.
    case 'html':
    case 'js':
      return need(args, 1, name).map(print).join('')
    default:
      throw new ReferenceError(`Cannot execute the template: function ${JSON.stringify(name)} not defined`)
  }
}

function format([pattern, ...values]: unknown[]): string {
  let next = 0
  return print(pattern).replace(/%([-+ 0#]*\d*(?:\.\d+)?)([a-zA-Z%])/g, (_, _flags: string, verb: string) => {
    if (verb === '%') return '%'
    const value = values[next++]
    return verb === 'q' ? JSON.stringify(print(value)) : print(value)
  })
}
