// A configuration file in PostgREST's format (`db-uri = "postgres://..."`, `#` comments) as the variables that it stands for.
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Environment } from '../../service/definition.ts'
import { restEnv } from './env.ts'

/** The file cannot be read as a configuration; the message names file and line. */
export class ConfigFileError extends Error {
  constructor(path: string, reason: string) {
    super(`${path}: ${reason}`)
    this.name = 'ConfigFileError'
  }
}

type FileValue = string | number | boolean | readonly FileValue[]

/** The environment with the settings of the file beneath it. Throws ConfigFileError. */
export function environmentWithFile(path: string, environment: Environment): Environment {
  const merged: Record<string, string | undefined> = Object.create(null)
  for (const [key, value] of readConfigFile(path, environment)) {
    const app = /^app\.settings\.(.+)$/.exec(key)?.[1]
    const variable = app === undefined ? `PGRST_${key.replaceAll('-', '_').toUpperCase()}` : `PGRST_APP_SETTINGS_${app}`
    const text = app === undefined ? asSetting(variable, value) : asText(value)
    if (text !== undefined) merged[variable] = text
  }
  for (const [name, value] of Object.entries(environment)) if (value !== undefined) merged[name] = value
  return merged
}

/** Upstream takes a number or a truth value of the wrong kind as not given. */
function asSetting(variable: string, value: FileValue): string | undefined {
  const schema = Object.hasOwn(restEnv.shape, variable) ? restEnv.shape[variable as keyof typeof restEnv.shape] : undefined
  const accepts = (text: string) => schema?.safeParse(text).success === true
  const isFlag = accepts('true') && !accepts('neither')
  const isNumber = !accepts('neither') && !isFlag && (accepts('1') || accepts('4000'))
  if (typeof value === 'boolean') return isNumber ? undefined : isFlag ? String(value) : asText(value)
  if (typeof value === 'number')
    return isFlag ? undefined : isNumber ? (Number.isInteger(value) ? String(value) : undefined) : asText(value)
  return asText(value)
}

/** As upstream's language shows a value that should have been a text. */
function asText(value: FileValue): string {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return `Bool ${value ? 'True' : 'False'}`
  return typeof value === 'number'
    ? `Number ${Number.isInteger(value) ? value.toFixed(1) : value}`
    : `List [${value.map(asText).join(',')}]`
}

const MAX_BYTES = 1_048_576
const MAX_DEPTH = 10

export function readConfigFile(path: string, environment: Environment, depth = 0): ReadonlyMap<string, FileValue> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigFileError(path, `cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
  if (text.length > MAX_BYTES) throw new ConfigFileError(path, 'is longer than 1 MiB')
  if (depth > MAX_DEPTH) throw new ConfigFileError(path, 'is imported by itself')
  const values = new Map<string, FileValue>()
  new Reader(path, text.replace(/^\ufeff/, ''), environment, values, depth).read('')
  return values
}

class Reader {
  readonly #path: string
  readonly #text: string
  readonly #environment: Environment
  readonly #values: Map<string, FileValue>
  readonly #depth: number
  #at = 0

  constructor(path: string, text: string, environment: Environment, values: Map<string, FileValue>, depth: number) {
    this.#path = path
    this.#text = text
    this.#environment = environment
    this.#values = values
    this.#depth = depth
  }

  /** Items until the end, or until the brace that closes a group. */
  read(prefix: string): void {
    for (;;) {
      this.#skip()
      if (this.#at >= this.#text.length) {
        if (prefix !== '') this.#fail('a closing brace')
        return
      }
      if (prefix !== '' && this.#take('}')) return
      const key = this.#match(/[\p{L}_][\p{L}\p{N}_.-]*/uy)
      if (key === undefined) this.#fail('the name of a setting')
      this.#skip()
      if (key === 'import' && this.#text[this.#at] === '"') {
        const file = resolve(dirname(this.#path), this.#string())
        for (const [name, value] of readConfigFile(file, this.#environment, this.#depth + 1)) this.#values.set(prefix + name, value)
      } else if (this.#take('{')) this.read(`${prefix}${key}.`)
      else {
        if (!this.#take('=')) this.#fail('=')
        this.#skip()
        this.#values.set(prefix + key, this.#value())
      }
    }
  }

  #value(): FileValue {
    if (this.#text[this.#at] === '"') return this.#string()
    if (this.#take('[')) {
      const items: FileValue[] = []
      this.#skip()
      while (!this.#take(']')) {
        if (items.length > 0 && !this.#take(',')) this.#fail('a comma or ]')
        this.#skip()
        items.push(this.#value())
        this.#skip()
      }
      return items
    }
    const word = this.#match(/(?:true|false|on|off)(?![\p{L}\p{N}])/uy)
    if (word !== undefined) return word === 'true' || word === 'on'
    const number = this.#match(/[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\p{L}\p{N}.])/uy)
    if (number !== undefined) return Number(number)
    return this.#fail('a text in double quotes, a number, true or false')
  }

  #string(): string {
    const raw = this.#match(/"(?:[^"\\]|\\.)*"/sy)
    if (raw === undefined) this.#fail('a closing quote')
    const plain = raw.slice(1, -1).replace(/\\(?:u([0-9a-fA-F]{4})|(.))/gs, (whole, code: string | undefined, letter: string) => {
      if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16))
      return ESCAPES.get(letter) ?? whole
    })
    // `$(name)` is a setting above or a variable, `$$` a dollar.
    return plain.replace(/\$\$|\$\(([^)]*)\)/g, (whole, name: string | undefined) => {
      if (whole === '$$') return '$'
      const value = this.#values.get(name!) ?? this.#environment[name!]
      if (value === undefined) this.#fail(`a value for $(${name}): neither a setting above nor a variable of the environment`)
      return typeof value === 'string' ? value : String(value)
    })
  }

  #skip(): void {
    this.#match(/(?:\s|#[^\n]*)*/y)
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #fail(expected: string): never {
    const line = this.#text.slice(0, this.#at).split('\n').length
    throw new ConfigFileError(this.#path, `line ${line}: expected ${expected}`)
  }
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['b', '\b'],
  ['"', '"'],
  ['\\', '\\'],
])
