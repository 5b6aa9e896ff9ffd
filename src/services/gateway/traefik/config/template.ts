// Go templates in configuration files, as far as configurations use them: variables, pipelines, conditions, loops, and the text
// functions of sprig that say the same in any program. An unknown function is refused by name.
import type { Environment } from '../../../../service/definition.ts'

export class TemplateError extends Error {}

type Value = string | number | boolean | undefined | readonly Value[] | { readonly [key: string]: Value }
type Scope = Map<string, Value>
interface State {
  readonly scopes: Scope[]
  dot: Value
  readonly functions: ReadonlyMap<string, (...args: Value[]) => Value>
  steps: number
  length: number
}
type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly tokens: readonly string[] }
  | {
      readonly kind: 'if' | 'range' | 'with'
      readonly tokens: readonly string[]
      readonly body: readonly Node[]
      readonly otherwise: readonly Node[]
    }

// Loops have an end, and so has what they write.
const MAX_STEPS = 100_000
const MAX_LENGTH = 16 * 1024 * 1024

/** Throws TemplateError. Texts without actions come back as they are. */
export function renderTemplate(text: string, env: Environment, dot: Value = undefined): string {
  if (!text.includes('{{')) return text
  const state: State = { scopes: [new Map([['$', dot]])], dot, functions: functionsWith(env), steps: 0, length: 0 }
  return render(parseTemplate(text), state)
}

function parseTemplate(text: string): Node[] {
  const pieces: ({ text: string } | { tokens: string[] })[] = []
  let at = 0
  let trimNext = false
  while (at <= text.length) {
    const open = text.indexOf('{{', at)
    let literal = text.slice(at, open < 0 ? undefined : open)
    if (trimNext) literal = literal.trimStart()
    trimNext = false
    if (open < 0) {
      pieces.push({ text: literal })
      break
    }
    const close = endOfAction(text, open + 2)
    let action = text.slice(open + 2, close)
    if (/^-\s/.test(action)) {
      literal = literal.trimEnd()
      action = action.slice(1)
    }
    if (/\s-$/.test(action)) {
      trimNext = true
      action = action.slice(0, -1)
    }
    pieces.push({ text: literal })
    if (!/^\s*\/\*[\s\S]*\*\/\s*$/.test(action)) pieces.push({ tokens: tokenise(action) })
    at = close + 2
  }
  let next = 0
  const block = (depth: number): { nodes: Node[]; end: readonly string[] | undefined } => {
    if (depth > 50) throw new TemplateError('the template is nested too deeply')
    const nodes: Node[] = []
    while (next < pieces.length) {
      const piece = pieces[next++]!
      if ('text' in piece) {
        if (piece.text !== '') nodes.push({ kind: 'text', text: piece.text })
        continue
      }
      const [head = '', ...rest] = piece.tokens
      if (head === 'end' || head === 'else') return { nodes, end: piece.tokens }
      if (head === 'if' || head === 'range' || head === 'with') nodes.push(branch(head, rest, depth))
      else nodes.push({ kind: 'print', tokens: piece.tokens })
    }
    return { nodes, end: undefined }
  }
  const branch = (kind: 'if' | 'range' | 'with', tokens: readonly string[], depth: number): Node => {
    const body = block(depth + 1)
    if (!body.end) throw new TemplateError(`unexpected EOF: {{${kind}}} without {{end}}`)
    if (body.end[0] === 'end') return { kind, tokens, body: body.nodes, otherwise: [] }
    if (body.end[1] === 'if') return { kind, tokens, body: body.nodes, otherwise: [branch('if', body.end.slice(2), depth + 1)] }
    const otherwise = block(depth + 1)
    if (otherwise.end?.[0] !== 'end') throw new TemplateError(`unexpected EOF: {{${kind}}} without {{end}}`)
    return { kind, tokens, body: body.nodes, otherwise: otherwise.nodes }
  }
  const top = block(0)
  if (top.end) throw new TemplateError(`unexpected {{${top.end[0]}}}`)
  return top.nodes
}

function endOfAction(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const char = text[at]!
    if (char === '"' || char === '`') {
      for (at++; at < text.length && text[at] !== char; at++) if (char === '"' && text[at] === '\\') at++
    } else if (text.startsWith('}}', at)) return at
  }
  throw new TemplateError('unclosed action')
}

function tokenise(action: string): string[] {
  const tokens: string[] = []
  const pattern = /\s+|"(?:[^"\\\n]|\\.)*"|`[^`]*`|:=|[()|,=]|\$[\w.]*|\.[\w.]*|-?\d+(?:\.\d+)?|\w+|(.)/gy
  for (const [token, bad] of action.matchAll(pattern)) {
    if (bad !== undefined) throw new TemplateError(`unexpected ${JSON.stringify(bad)} in command`)
    if (token.trim() !== '') tokens.push(token)
  }
  return tokens
}

function render(nodes: readonly Node[], state: State): string {
  let out = ''
  for (const node of nodes) {
    if (++state.steps > MAX_STEPS) throw new TemplateError('the template takes too many steps')
    const piece = renderNode(node, state)
    state.length += node.kind === 'text' || node.kind === 'print' ? piece.length : 0
    if (state.length > MAX_LENGTH) throw new TemplateError('the template writes too much')
    out += piece
  }
  return out
}

function renderNode(node: Node, state: State): string {
  if (node.kind === 'text') return node.text
  if (node.kind === 'print') {
    const [first = '', second] = node.tokens
    if (first.startsWith('$') && (second === ':=' || second === '=')) {
      assign(first, second, evaluate(node.tokens.slice(2), state), state)
      return ''
    }
    return textOf(evaluate(node.tokens, state))
  }
  const declared = node.tokens.indexOf(':=')
  const names = declared < 0 ? [] : node.tokens.slice(0, declared).filter((token) => token !== ',')
  const value = evaluate(node.tokens.slice(declared + 1), state)
  return scoped(state, () => {
    if (node.kind === 'range') return renderRange(node, names, value, state)
    if (!truth(value)) return render(node.otherwise, state)
    if (names[0]) assign(names[0], ':=', value, state)
    return node.kind === 'with' ? withDot(state, value, () => render(node.body, state)) : render(node.body, state)
  })
}

function renderRange(node: Extract<Node, { kind: 'range' }> | Node, names: readonly string[], value: Value, state: State): string {
  if (node.kind === 'text' || node.kind === 'print') return ''
  const entries: (readonly [Value, Value])[] = Array.isArray(value)
    ? value.map((item: Value, at) => [at, item] as const)
    : typeof value === 'object'
      ? Object.entries(value as Readonly<Record<string, Value>>).sort(([a], [b]) => (a < b ? -1 : 1))
      : typeof value === 'number'
        ? Array.from({ length: Math.max(0, Math.min(value, MAX_STEPS)) }, (_, at) => [at, at] as const)
        : []
  if (entries.length === 0) return render(node.otherwise, state)
  return entries
    .map(([key, item]) =>
      scoped(state, () => {
        if (names.length === 2) assign(names[0]!, ':=', key, state)
        const last = names.at(-1)
        if (last) assign(last, ':=', item, state)
        return withDot(state, item, () => render(node.body, state))
      }),
    )
    .join('')
}

function scoped(state: State, act: () => string): string {
  state.scopes.push(new Map())
  try {
    return act()
  } finally {
    state.scopes.pop()
  }
}

function withDot(state: State, dot: Value, act: () => string): string {
  const before = state.dot
  state.dot = dot
  try {
    return act()
  } finally {
    state.dot = before
  }
}

function assign(name: string, how: string, value: Value, state: State): void {
  const scope = how === ':=' ? state.scopes.at(-1)! : [...state.scopes].reverse().find((one) => one.has(name))
  if (!scope) throw new TemplateError(`undefined variable "${name}"`)
  scope.set(name, value)
}

/** A pipeline: each command gets the value of the one before as its last argument. */
function evaluate(tokens: readonly string[], state: State): Value {
  let at = 0
  const pipeline = (): Value => {
    let value = command(undefined)
    while (tokens[at] === '|') {
      at++
      value = command({ value })
    }
    return value
  }
  const command = (piped: { value: Value } | undefined): Value => {
    const head = tokens[at]
    if (head === undefined) throw new TemplateError('missing value for command')
    const called = /^[A-Za-z_]\w*$/.test(head) && head !== 'true' && head !== 'false' && head !== 'nil'
    if (!called) {
      const value = operand()
      if (piped) throw new TemplateError(`can't give argument to non-function ${head}`)
      return value
    }
    at++
    const call = state.functions.get(head)
    if (!call) throw new TemplateError(`function "${head}" not defined`)
    const args: Value[] = []
    while (at < tokens.length && tokens[at] !== '|' && tokens[at] !== ')') args.push(operand())
    if (piped) args.push(piped.value)
    return call(...args)
  }
  const operand = (): Value => {
    const token = tokens[at++]!
    if (token === '(') {
      const value = pipeline()
      if (tokens[at++] !== ')') throw new TemplateError('unclosed left paren')
      const field = tokens[at]
      if (field?.startsWith('.') && field.length > 1) {
        at++
        return fieldOf(value, field.slice(1))
      }
      return value
    }
    if (token.startsWith('`')) return token.slice(1, -1)
    if (token.startsWith('"')) return JSON.parse(token.replace(/\\'/g, "'")) as string
    if (/^-?\d/.test(token)) return Number(token)
    if (token === 'true' || token === 'false') return token === 'true'
    if (token === 'nil') return undefined
    if (token.startsWith('$')) {
      const [name = '', ...path] = token.split('.')
      const scope = [...state.scopes].reverse().find((one) => one.has(name))
      if (!scope) throw new TemplateError(`undefined variable "${name}"`)
      return fieldOf(scope.get(name), path.join('.'))
    }
    if (token.startsWith('.')) return fieldOf(state.dot, token.slice(1))
    const call = state.functions.get(token)
    if (!call) throw new TemplateError(`function "${token}" not defined`)
    return call()
  }
  const value = pipeline()
  if (at < tokens.length) throw new TemplateError(`unexpected ${JSON.stringify(tokens[at])} in command`)
  return value
}

function fieldOf(value: Value, path: string): Value {
  let at = value
  for (const key of path === '' ? [] : path.split('.')) {
    if (typeof at !== 'object' || Array.isArray(at) || !Object.hasOwn(at, key)) return undefined
    at = (at as Readonly<Record<string, Value>>)[key]
  }
  return at
}

function truth(value: Value): boolean {
  if (Array.isArray(value)) return value.length > 0
  if (typeof value === 'object') return Object.keys(value).length > 0
  return Boolean(value)
}

function textOf(value: Value): string {
  if (value === undefined) return '<no value>'
  if (Array.isArray(value)) return `[${value.map(textOf).join(' ')}]`
  if (typeof value === 'object')
    return `map[${Object.entries(value as Readonly<Record<string, Value>>)
      .map(([key, item]) => `${key}:${textOf(item)}`)
      .join(' ')}]`
  return String(value)
}

const text = (value: Value): string => (value === undefined ? '' : textOf(value))
const number = (value: Value): number => Number(value) || 0

function functionsWith(env: Environment): ReadonlyMap<string, (...args: Value[]) => Value> {
  const compare = (test: (a: Value, b: Value) => boolean) => (a: Value, b: Value) => test(a, b)
  const dictionary = (...pairs: Value[]) => {
    const out = Object.create(null) as Record<string, Value>
    for (let at = 0; at + 1 < pairs.length; at += 2) out[text(pairs[at])] = pairs[at + 1]
    return out
  }
  const range = (from: number, to: number, step = 1) =>
    Array.from({ length: Math.max(0, Math.min(Math.ceil((to - from) / step), MAX_STEPS)) }, (_, at) => from + at * step)
  const entries: [string, (...args: Value[]) => Value][] = [
    ['env', (name) => env[text(name)] ?? ''],
    ['expandenv', (value) => text(value).replace(/\$(?:\{(\w+)\}|(\w+))/g, (_, a?: string, b?: string) => env[a ?? b ?? ''] ?? '')],
    ['default', (fallback, value) => (truth(value) ? value : fallback)],
    ['coalesce', (...values) => values.find(truth)],
    ['ternary', (yes, no, which) => (truth(which) ? yes : no)],
    ['empty', (value) => !truth(value)],
    ['upper', (value) => text(value).toUpperCase()],
    ['lower', (value) => text(value).toLowerCase()],
    ['title', (value) => text(value).replace(/\b\w/g, (letter) => letter.toUpperCase())],
    ['trim', (value) => text(value).trim()],
    ['trimAll', (cut, value) => trimSet(text(value), text(cut), true, true)],
    ['trimPrefix', (prefix, value) => (text(value).startsWith(text(prefix)) ? text(value).slice(text(prefix).length) : text(value))],
    [
      'trimSuffix',
      (suffix, value) =>
        text(value).endsWith(text(suffix)) ? text(value).slice(0, text(value).length - text(suffix).length) : text(value),
    ],
    ['quote', (...values) => values.map((value) => JSON.stringify(text(value))).join(' ')],
    ['squote', (...values) => values.map((value) => `'${text(value)}'`).join(' ')],
    ['replace', (from, to, value) => text(value).replaceAll(text(from), text(to))],
    ['contains', (part, value) => text(value).includes(text(part))],
    ['hasPrefix', (prefix, value) => text(value).startsWith(text(prefix))],
    ['hasSuffix', (suffix, value) => text(value).endsWith(text(suffix))],
    ['repeat', (times, value) => text(value).repeat(Math.min(number(times), 10_000))],
    ['splitList', (by, value) => text(value).split(text(by))],
    [
      'split',
      (by, value) =>
        dictionary(
          ...text(value)
            .split(text(by))
            .flatMap((item, at) => [`_${at}`, item]),
        ),
    ],
    ['join', (by, values) => (Array.isArray(values) ? values.map(text).join(text(by)) : text(values))],
    ['b64enc', (value) => Buffer.from(text(value)).toString('base64')],
    ['b64dec', (value) => Buffer.from(text(value), 'base64').toString('utf8')],
    ['indent', (by, value) => text(value).replace(/^/gm, ' '.repeat(number(by)))],
    ['nindent', (by, value) => `\n${text(value).replace(/^/gm, ' '.repeat(number(by)))}`],
    ['toString', text],
    ['toJson', (value) => JSON.stringify(value)],
    ['int', (value) => Math.trunc(number(value))],
    ['int64', (value) => Math.trunc(number(value))],
    ['atoi', (value) => Math.trunc(number(value))],
    ['add', (...values) => values.reduce<number>((sum, value) => sum + number(value), 0)],
    ['add1', (value) => number(value) + 1],
    ['sub', (a, b) => number(a) - number(b)],
    ['mul', (...values) => values.reduce<number>((product, value) => product * number(value), 1)],
    ['div', (a, b) => Math.trunc(number(a) / (number(b) || 1))],
    ['mod', (a, b) => number(a) % (number(b) || 1)],
    ['list', (...values) => values],
    ['dict', dictionary],
    ['get', (map, key) => fieldOf(map, text(key))],
    ['until', (to) => range(0, number(to))],
    ['untilStep', (from, to, step) => range(number(from), number(to), number(step) || 1)],
    [
      'seq',
      (...values) => (values.length > 1 ? range(number(values[0]), number(values[1]) + 1) : range(1, number(values[0]) + 1)).join(' '),
    ],
    ['first', (values) => (Array.isArray(values) ? (values as readonly Value[])[0] : undefined)],
    ['last', (values) => (Array.isArray(values) ? (values as readonly Value[]).at(-1) : undefined)],
    ['len', (value) => (Array.isArray(value) ? value.length : typeof value === 'object' ? Object.keys(value).length : text(value).length)],
    [
      'index',
      (value, ...keys) =>
        keys.reduce<Value>((at, key) => (Array.isArray(at) ? (at as readonly Value[])[number(key)] : fieldOf(at, text(key))), value),
    ],
    ['print', (...values) => values.map(text).join('')],
    ['println', (...values) => `${values.map(text).join(' ')}\n`],
    ['printf', (format, ...values) => printf(text(format), values)],
    [
      'normalize',
      (value) =>
        text(value)
          .split(/[^A-Za-z0-9]+/)
          .filter((part) => part !== '')
          .join('-'),
    ],
    ['not', (value) => !truth(value)],
    ['and', (...values) => values.find((value) => !truth(value)) ?? values.at(-1)],
    ['or', (...values) => values.find(truth) ?? values.at(-1)],
    ['eq', (a, ...others) => others.some((b) => a === b)],
    ['ne', compare((a, b) => a !== b)],
    ['lt', compare((a, b) => a! < b!)],
    ['le', compare((a, b) => a! <= b!)],
    ['gt', compare((a, b) => a! > b!)],
    ['ge', compare((a, b) => a! >= b!)],
  ]
  return new Map(entries)
}

function trimSet(value: string, set: string, start: boolean, end: boolean): string {
  let from = 0
  let to = value.length
  while (start && from < to && set.includes(value[from]!)) from++
  while (end && to > from && set.includes(value[to - 1]!)) to--
  return value.slice(from, to)
}

function printf(format: string, values: readonly Value[]): string {
  let at = 0
  return format.replace(/%(0?\d*)([sdvqt%])/g, (_, width: string, verb: string) => {
    if (verb === '%') return '%'
    const value = text(values[at++])
    const shown = verb === 'q' ? JSON.stringify(value) : value
    return width === '' ? shown : shown.padStart(Number(width), width.startsWith('0') ? '0' : ' ')
  })
}
