// The parameters of one query string, as bytes. What nobody changes is written back exactly as it came.

import type { Fields } from './body.ts'
import { escapeComponent } from './bytes.ts'

interface Parameter {
  readonly name: string
  /** Undefined for a name without `=`. */
  readonly value: string | undefined
  /** The text between two `&`, kept while the parameter is unchanged. */
  readonly raw: string
}

export class QueryTable {
  #parameters: Parameter[]

  /** Of a query without its question mark. */
  constructor(text: string) {
    this.#parameters = text === '' ? [] : text.split('&').map(parameterOf)
  }

  has(name: string): boolean {
    return this.#parameters.some((one) => one.name === name)
  }

  /** Every value under this name; a name without `=` counts with `undefined`. */
  all(name: string): (string | undefined)[] {
    return this.#parameters.filter((one) => one.name === name).map(({ value }) => value)
  }

  entries(): readonly { readonly name: string; readonly value: string | undefined }[] {
    return this.#parameters
  }

  set(name: string, value: string): void {
    const at = this.#parameters.findIndex((one) => one.name === name)
    if (at < 0) {
      this.append(name, value)
      return
    }
    this.#parameters[at] = written(name, value)
    this.#parameters = this.#parameters.filter((one, i) => i <= at || one.name !== name)
  }

  append(name: string, value: string): void {
    this.#parameters.push(written(name, value))
  }

  appendAll(others: QueryTable): void {
    this.#parameters.push(...others.#parameters)
  }

  remove(name: string): void {
    this.#parameters = this.#parameters.filter((one) => one.name !== name)
  }

  rename(from: string, to: string): void {
    this.#parameters = this.#parameters.map((one) => (one.name === from ? written(to, one.value) : one))
  }

  /** The same parameters as the fields of a form. */
  asFields(): Fields {
    return {
      has: (name) => this.has(name),
      text: (name) => this.all(name)[0],
      set: (name, value) => this.set(name, value),
      append: (name, value) => this.append(name, value),
      remove: (name) => this.remove(name),
      rename: (from, to) => this.rename(from, to),
      toString: () => this.toString(),
    }
  }

  /** Without a question mark. */
  toString(): string {
    return this.#parameters.map(({ raw }) => raw).join('&')
  }
}

function parameterOf(raw: string): Parameter {
  const equals = raw.indexOf('=')
  return equals < 0
    ? { name: decode(raw), value: undefined, raw }
    : { name: decode(raw.slice(0, equals)), value: decode(raw.slice(equals + 1)), raw }
}

function written(name: string, value: string | undefined): Parameter {
  const raw = value === undefined ? escapeComponent(name) : `${escapeComponent(name)}=${escapeComponent(value)}`
  return { name, value, raw }
}

/** Escapes and plus as in forms, to bytes; what is no valid escape stays as it is. */
function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  return spaced.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
