// Texts with `$(expression)` in them, as request-transformer's values are. Compiled once; a text without one is a constant.

import { byteString } from '../bytes.ts'
import { compileExpression, type Scopes } from './evaluate.ts'
import { ExpressionError } from './lexer.ts'
import { EvaluationError, luaType, type Value } from './value.ts'

export interface Template {
  /** As the file has it. */
  readonly source: string
  /** Throws EvaluationError. */
  render(scopes: Scopes): string
}

/** Throws ExpressionError with the text of the expression that is not understood. */
export function compileTemplate(source: string): Template {
  const text = byteString(source)
  const parts: (string | ((scopes: Scopes) => string))[] = []
  let at = 0
  for (;;) {
    const open = text.indexOf('$(', at)
    if (open < 0) break
    const close = closing(text, open + 2)
    if (close < 0) break
    if (open > at) parts.push(text.slice(at, open))
    const inner = text.slice(open + 2, close)
    const evaluate = explain(inner, () => compileExpression(inner))
    parts.push((scopes) => written(evaluate(scopes)))
    at = close + 1
  }
  if (parts.length === 0) return { source, render: () => text }
  if (at < text.length) parts.push(text.slice(at))
  const [only] = parts
  if (parts.length === 1 && typeof only === 'function') return { source, render: only }
  return { source, render: (scopes) => parts.map((part) => (typeof part === 'string' ? part : part(scopes))).join('') }
}

/** Where the parenthesis that opened before `from` closes; quotes hide parentheses. */
function closing(text: string, from: number): number {
  let depth = 1
  let quote = ''
  for (let i = from; i < text.length; i++) {
    const char = text[i]!
    if (quote) {
      if (char === '\\') i++
      else if (char === quote) quote = ''
    } else if (char === "'" || char === '"') quote = char
    else if (char === '(') depth++
    else if (char === ')' && --depth === 0) return i
  }
  return -1
}

function written(value: Value): string {
  if (value === undefined) return ''
  if (typeof value === 'object') throw new EvaluationError(`attempt to concatenate a ${luaType(value)} value`)
  return String(value)
}

function explain<T>(source: string, compile: () => T): T {
  try {
    return compile()
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error
    throw new ExpressionError(`expression $(${outline(source)}) is not understood: ${error.message}`)
  }
}

/** The expression without the texts in it: those can be keys. */
function outline(source: string): string {
  const hidden = source.replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/g, "'…'")
  return hidden.length > 120 ? `${hidden.slice(0, 120)}…` : hidden
}
