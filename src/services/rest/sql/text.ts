// Building SQL: identifiers quoted, values as numbered parameters. A value of a request never becomes part of the text.
import type { Value } from '../../../pg/executor.ts'
import { ident, literal } from '../../../pg/quote.ts'
import type { Name } from '../schema-cache/types.ts'

export { ident, literal }

export class Parameters {
  readonly values: Value[] = []

  /** Binds a value and gives its placeholder. */
  add(value: Value): string {
    return `$${this.values.push(value)}`
  }
}

export const qualified = ({ schema, name }: Name): string => (schema === '' ? ident(name) : `${ident(schema)}.${ident(name)}`)

/** A type name as a request may write it: words, unquoted, so that `double precision` means what it says; anything else is one quoted name. */
export function typeText(type: string): string {
  return /^[\p{L}_][\p{L}\p{N}_$]*( [\p{L}_][\p{L}\p{N}_$]*)*$/u.test(type) ? type : ident(type)
}

/** `{a,"b c"}`: an array of texts as one literal. */
export const arrayText = (values: readonly string[]): string =>
  `{${values.map((value) => `"${value.replace(/["\\]/g, '\\$&')}"`).join(',')}}`
