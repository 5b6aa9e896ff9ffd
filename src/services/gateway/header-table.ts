// The header lines of one message in order, found by lower-case name. Small messages: a scan over some fifteen names beats a map.

export class HeaderTable {
  readonly #names: string[]
  readonly #keys: string[]
  readonly #values: string[]

  private constructor(names: string[], keys: string[], values: string[]) {
    this.#names = names
    this.#keys = keys
    this.#values = values
  }

  static empty(): HeaderTable {
    return new HeaderTable([], [], [])
  }

  /** Of Node's rawHeaders: name, value, name, value. */
  static fromRaw(raw: readonly string[]): HeaderTable {
    const names: string[] = []
    const keys: string[] = []
    const values: string[] = []
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const name = raw[i]!
      names.push(name)
      keys.push(name.toLowerCase())
      values.push(raw[i + 1]!)
    }
    return new HeaderTable(names, keys, values)
  }

  get size(): number {
    return this.#keys.length
  }

  /** The first value. `key` is lower case, here and below. */
  get(key: string): string | undefined {
    const at = this.#keys.indexOf(key)
    return at < 0 ? undefined : this.#values[at]
  }

  all(key: string): string[] {
    const found: string[] = []
    for (let i = 0; i < this.#keys.length; i++) if (this.#keys[i] === key) found.push(this.#values[i]!)
    return found
  }

  has(key: string): boolean {
    return this.#keys.includes(key)
  }

  /** One line of this name, in the place of the first one that was there. */
  set(name: string, value: string): void {
    const key = name.toLowerCase()
    const at = this.#keys.indexOf(key)
    if (at < 0) {
      this.append(name, value)
      return
    }
    this.#names[at] = name
    this.#values[at] = value
    for (let i = this.#keys.length - 1; i > at; i--) if (this.#keys[i] === key) this.#cut(i)
  }

  append(name: string, value: string): void {
    this.#names.push(name)
    this.#keys.push(name.toLowerCase())
    this.#values.push(value)
  }

  remove(key: string): void {
    for (let i = this.#keys.length - 1; i >= 0; i--) if (this.#keys[i] === key) this.#cut(i)
  }

  /** Drops every line whose lower-case name is asked for. */
  removeWhere(drop: (key: string) => boolean): void {
    let kept = 0
    for (let i = 0; i < this.#keys.length; i++) {
      if (drop(this.#keys[i]!)) continue
      if (kept !== i) {
        this.#names[kept] = this.#names[i]!
        this.#keys[kept] = this.#keys[i]!
        this.#values[kept] = this.#values[i]!
      }
      kept++
    }
    this.#names.length = kept
    this.#keys.length = kept
    this.#values.length = kept
  }

  keys(): readonly string[] {
    return this.#keys
  }

  /** As Node's rawHeaders. */
  toRaw(): string[] {
    const raw: string[] = []
    for (let i = 0; i < this.#keys.length; i++) raw.push(this.#names[i]!, this.#values[i]!)
    return raw
  }

  #cut(at: number): void {
    this.#names.splice(at, 1)
    this.#keys.splice(at, 1)
    this.#values.splice(at, 1)
  }
}
