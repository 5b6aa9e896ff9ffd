// Values of template expressions, as Lua has them: nil is undefined, several values of one header are a list.

export type Value = string | number | boolean | undefined | readonly string[] | Scope

/** A table of the request (headers, query parameters, captures) that stands by itself. */
export interface Scope {
  readonly table: true
}

/** An expression that failed on this request (indexing nil, wrong types): the request is answered 500, as upstream does. */
export class EvaluationError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'EvaluationError'
  }
}

export function luaType(value: Value): string {
  if (value === undefined) return 'nil'
  return typeof value === 'object' ? 'table' : typeof value
}

export const truthy = (value: Value): boolean => value !== undefined && value !== false

/** For `..` and string methods: numbers become text, as Lua does. */
export function textOf(value: Value, doing: string): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return String(value)
  throw new EvaluationError(`attempt to ${doing} a ${luaType(value)} value`)
}
