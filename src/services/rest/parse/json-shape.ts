// Reads the keys of a JSON body without building it: the text itself goes to Postgres, and fifty megabytes of it must not become objects.

export type JsonShape =
  | { readonly kind: 'object'; readonly keys: readonly string[] }
  /** `uniform`: every element is an object with the same keys. */
  | { readonly kind: 'array'; readonly keys: readonly string[]; readonly uniform: boolean; readonly length: number }
  | { readonly kind: 'scalar' }

/** Deeper nesting than this is refused as invalid: Postgres' own stack would give up too. */
const MAX_DEPTH = 6_000

/** Undefined when the bytes are no valid JSON text. */
export function jsonShape(bytes: Buffer): JsonShape | undefined {
  const reader = new Reader(bytes)
  try {
    const shape = reader.document()
    return reader.ended() ? shape : undefined
  } catch (error) {
    if (error instanceof Invalid) return undefined
    throw error
  }
}

class Invalid extends Error {}

class Reader {
  readonly #bytes: Buffer
  #at = 0
  constructor(bytes: Buffer) {
    this.#bytes = bytes
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.#at = 3
  }

  ended(): boolean {
    this.#space()
    return this.#at >= this.#bytes.length
  }

  document(): JsonShape {
    this.#space()
    const code = this.#bytes[this.#at]
    if (code === 0x7b) return { kind: 'object', keys: [...new Set(this.#object())] }
    if (code !== 0x5b) {
      this.#value(0)
      return { kind: 'scalar' }
    }
    this.#at++
    this.#space()
    if (this.#bytes[this.#at] === 0x5d) {
      this.#at++
      return { kind: 'array', keys: [], uniform: true, length: 0 }
    }
    let keys: readonly string[] | undefined
    let expected = new Set<string>()
    let uniform = true
    let length = 0
    for (;;) {
      this.#space()
      length++
      if (this.#bytes[this.#at] === 0x7b) {
        const found = this.#object()
        if (keys === undefined) {
          expected = new Set(found)
          keys = [...expected]
        } else if (uniform) uniform = sameKeys(found, keys, expected)
      } else {
        this.#value(0)
        uniform = false
        keys ??= []
      }
      this.#space()
      const next = this.#bytes[this.#at++]
      if (next === 0x5d) return { kind: 'array', keys, uniform, length }
      if (next !== 0x2c) throw new Invalid()
    }
  }

  /** An object of the first level, its keys in order. */
  #object(): string[] {
    const keys: string[] = []
    this.#at++
    this.#space()
    if (this.#bytes[this.#at] === 0x7d) {
      this.#at++
      return keys
    }
    for (;;) {
      this.#space()
      const start = this.#at
      const plain = this.#string()
      keys.push(
        plain
          ? this.#bytes.toString('utf8', start + 1, this.#at - 1)
          : (JSON.parse(this.#bytes.toString('utf8', start, this.#at)) as string),
      )
      this.#space()
      if (this.#bytes[this.#at++] !== 0x3a) throw new Invalid()
      this.#value(1)
      this.#space()
      const next = this.#bytes[this.#at++]
      if (next === 0x7d) return keys
      if (next !== 0x2c) throw new Invalid()
    }
  }

  #value(depth: number): void {
    if (depth > MAX_DEPTH) throw new Invalid()
    this.#space()
    const bytes = this.#bytes
    switch (bytes[this.#at]) {
      case 0x22:
        this.#string()
        return
      case 0x7b:
        this.#at++
        this.#space()
        if (bytes[this.#at] === 0x7d) {
          this.#at++
          return
        }
        for (;;) {
          this.#space()
          this.#string()
          this.#space()
          if (bytes[this.#at++] !== 0x3a) throw new Invalid()
          this.#value(depth + 1)
          this.#space()
          const next = bytes[this.#at++]
          if (next === 0x7d) return
          if (next !== 0x2c) throw new Invalid()
        }
      case 0x5b:
        this.#at++
        this.#space()
        if (bytes[this.#at] === 0x5d) {
          this.#at++
          return
        }
        for (;;) {
          this.#value(depth + 1)
          this.#space()
          const next = bytes[this.#at++]
          if (next === 0x5d) return
          if (next !== 0x2c) throw new Invalid()
        }
      case 0x74:
        this.#word('true')
        return
      case 0x66:
        this.#word('false')
        return
      case 0x6e:
        this.#word('null')
        return
      default:
        this.#number()
    }
  }

  /** The opening quote is under the cursor. True when the string holds no escape. */
  #string(): boolean {
    const bytes = this.#bytes
    if (bytes[this.#at] !== 0x22) throw new Invalid()
    let plain = true
    for (let at = this.#at + 1; at < bytes.length; at++) {
      const code = bytes[at]!
      if (code === 0x22) {
        this.#at = at + 1
        return plain
      }
      if (code < 0x20) throw new Invalid()
      if (code !== 0x5c) continue
      plain = false
      const escaped = bytes[++at]
      if (escaped === 0x75) {
        for (let digit = 0; digit < 4; digit++) if (!isHex(bytes[++at])) throw new Invalid()
      } else if (escaped === undefined || !'"\\/bfnrt'.includes(String.fromCharCode(escaped))) throw new Invalid()
    }
    throw new Invalid()
  }

  #number(): void {
    const bytes = this.#bytes
    const digits = (): void => {
      const from = this.#at
      while (bytes[this.#at]! >= 0x30 && bytes[this.#at]! <= 0x39) this.#at++
      if (this.#at === from) throw new Invalid()
    }
    if (bytes[this.#at] === 0x2d) this.#at++
    if (bytes[this.#at] === 0x30) this.#at++
    else digits()
    if (bytes[this.#at] === 0x2e) {
      this.#at++
      digits()
    }
    if (bytes[this.#at] === 0x65 || bytes[this.#at] === 0x45) {
      this.#at++
      if (bytes[this.#at] === 0x2b || bytes[this.#at] === 0x2d) this.#at++
      digits()
    }
  }

  #word(word: string): void {
    if (this.#bytes.toString('latin1', this.#at, this.#at + word.length) !== word) throw new Invalid()
    this.#at += word.length
  }

  #space(): void {
    for (;;) {
      const code = this.#bytes[this.#at]
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.#at++
    }
  }
}

function sameKeys(found: readonly string[], keys: readonly string[], expected: ReadonlySet<string>): boolean {
  // Almost always the same keys in the same order.
  if (found.length === keys.length && found.every((key, index) => key === keys[index])) return true
  const distinct = new Set(found)
  if (distinct.size !== expected.size) return false
  for (const key of distinct) if (!expected.has(key)) return false
  return true
}

const isHex = (code: number | undefined): boolean =>
  code !== undefined && ((code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66))
