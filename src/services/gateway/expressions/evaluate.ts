// A parsed expression to a function: names are checked once, at the start, so that an unknown one is refused before any request.
import { ExpressionError } from './lexer.ts'
import { type BinaryOperator, type Expression, parseExpression } from './parse.ts'
import { stringMethods } from './strings.ts'
import { EvaluationError, luaType, type Scope, textOf, truthy, type Value } from './value.ts'

/** What an expression sees of a request: its tables `headers`, `query_params` and `uri_captures`. */
export interface Scopes {
  /** In lower case; `_` may stand for `-`. */
  header(key: string): Value
  parameter(name: string): Value
  capture(name: string | number): Value
}

export type Evaluate = (scopes: Scopes) => Value

/** Throws ExpressionError, naming what is not known. */
export function compileExpression(source: string): Evaluate {
  return compile(parseExpression(source))
}

function compile(node: Expression): Evaluate {
  switch (node.kind) {
    case 'constant':
      return () => node.value
    case 'name':
      return variable(node.name)
    case 'index':
      return indexed(node.object, node.key)
    case 'call': {
      if (node.name !== 'type') throw new ExpressionError(`unknown function '${node.name}'`)
      const [argument] = node.args.map(compile)
      if (!argument || node.args.length > 1) throw new ExpressionError("'type' takes one argument")
      return (scopes) => luaType(argument(scopes))
    }
    case 'method': {
      const method = Object.hasOwn(stringMethods, node.name) ? stringMethods[node.name] : undefined
      if (!method) throw new ExpressionError(`unknown method '${node.name}'`)
      const object = compile(node.object)
      const args = node.args.map(compile)
      return (scopes) => {
        const self = object(scopes)
        if (typeof self !== 'string' && typeof self !== 'number') throw new EvaluationError(`attempt to index a ${luaType(self)} value`)
        return method(
          String(self),
          args.map((argument) => argument(scopes)),
        )
      }
    }
    case 'not': {
      const operand = compile(node.operand)
      return (scopes) => !truthy(operand(scopes))
    }
    case 'minus': {
      const operand = compile(node.operand)
      return (scopes) => -numberOf(operand(scopes))
    }
    case 'length': {
      const operand = compile(node.operand)
      return (scopes) => {
        const value = operand(scopes)
        if (typeof value === 'string') return value.length
        if (Array.isArray(value)) return value.length
        throw new EvaluationError(`attempt to get length of a ${luaType(value)} value`)
      }
    }
    case 'binary':
      return binary(node.operator, compile(node.left), compile(node.right))
  }
}

/** A table as a value by itself: only its type and its entries can be asked for. */
const TABLE: Scope = { table: true }

function variable(name: string): Evaluate {
  if (name in TABLES) return () => TABLE
  throw new ExpressionError(`unknown name '${name}'`)
}

const TABLES: Readonly<Record<string, (scopes: Scopes, key: string | number) => Value>> = Object.assign(Object.create(null), {
  headers: (scopes: Scopes, key: string | number) => scopes.header(String(key).toLowerCase()),
  query_params: (scopes: Scopes, key: string | number) => scopes.parameter(String(key)),
  uri_captures: (scopes: Scopes, key: string | number) => scopes.capture(key),
  shared: () => undefined,
})

function indexed(object: Expression, key: Expression): Evaluate {
  const table = object.kind === 'name' ? TABLES[object.name] : undefined
  if (object.kind === 'name' && object.name === 'headers' && key.kind === 'constant' && typeof key.value === 'string') {
    const name = key.value.toLowerCase()
    return (scopes) => scopes.header(name)
  }
  const keyOf = compile(key)
  if (table)
    return (scopes) => {
      const name = keyOf(scopes)
      return typeof name === 'string' || typeof name === 'number' ? table(scopes, name) : undefined
    }
  const value = compile(object)
  return (scopes) => {
    const list = value(scopes)
    const at = keyOf(scopes)
    if (Array.isArray(list)) return typeof at === 'number' ? list[at - 1] : undefined
    throw new EvaluationError(`attempt to index a ${luaType(list)} value`)
  }
}

function binary(operator: BinaryOperator, left: Evaluate, right: Evaluate): Evaluate {
  switch (operator) {
    case 'or':
      return (scopes) => {
        const value = left(scopes)
        return truthy(value) ? value : right(scopes)
      }
    case 'and':
      return (scopes) => {
        const value = left(scopes)
        return truthy(value) ? right(scopes) : value
      }
    case '==':
      return (scopes) => left(scopes) === right(scopes)
    case '~=':
      return (scopes) => left(scopes) !== right(scopes)
    case '..':
      return (scopes) => textOf(left(scopes), 'concatenate') + textOf(right(scopes), 'concatenate')
    case '<':
      return (scopes) => compare(left(scopes), right(scopes)) < 0
    case '>':
      return (scopes) => compare(left(scopes), right(scopes)) > 0
    case '<=':
      return (scopes) => compare(left(scopes), right(scopes)) <= 0
    case '>=':
      return (scopes) => compare(left(scopes), right(scopes)) >= 0
    case '+':
      return (scopes) => numberOf(left(scopes)) + numberOf(right(scopes))
    case '-':
      return (scopes) => numberOf(left(scopes)) - numberOf(right(scopes))
    case '*':
      return (scopes) => numberOf(left(scopes)) * numberOf(right(scopes))
    case '/':
      return (scopes) => numberOf(left(scopes)) / numberOf(right(scopes))
    case '%':
      return (scopes) => {
        const [a, b] = [numberOf(left(scopes)), numberOf(right(scopes))]
        return a - Math.floor(a / b) * b
      }
  }
}

function compare(a: Value, b: Value): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0
  throw new EvaluationError(`attempt to compare ${luaType(a)} with ${luaType(b)}`)
}

function numberOf(value: Value): number {
  const number = typeof value === 'number' ? value : typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN
  if (Number.isNaN(number)) throw new EvaluationError(`attempt to perform arithmetic on a ${luaType(value)} value`)
  return number
}
