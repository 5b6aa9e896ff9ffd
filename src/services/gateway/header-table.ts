// The header lines of one message in order, found by lower-case name. Small messages: a scan over some fifteen names beats a map,
// and the lines are kept in the form in which Node takes and gives them, so that neither end costs a copy.

export class HeaderTable {
  /** Name, value, name, value. */
  readonly #lines: string[]
  /** Lower-case names, one per line. */
  readonly #keys: string[]

  private constructor(lines: string[], keys: string[]) {
    this.#lines = lines
    this.#keys = keys
  }

  static empty(): HeaderTable {
    return new HeaderTable([], [])
  }

  /** Of Node's rawHeaders, which stay as they are. */
  static fromRaw(raw: readonly string[]): HeaderTable {
    const lines = raw.slice()
    const keys: string[] = []
    for (let i = 0; i + 1 < lines.length; i += 2) keys.push(lines[i]!.toLowerCase())
    return new HeaderTable(lines, keys)
  }

  /** Of lines as they come off the wire. */
  static fromBytes(raw: readonly Buffer[]): HeaderTable {
    const lines: string[] = []
    const keys: string[] = []
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const name = raw[i]!.toString('latin1')
      lines.push(name, raw[i + 1]!.toString('latin1'))
      keys.push(name.toLowerCase())
    }
    return new HeaderTable(lines, keys)
  }

  copy(): HeaderTable {
    return new HeaderTable(this.#lines.slice(), this.#keys.slice())
  }

  get size(): number {
    return this.#keys.length
  }

  /** The first value. `key` is lower case, here and below. */
  get(key: string): string | undefined {
    const at = this.#keys.indexOf(key)
    return at < 0 ? undefined : this.#lines[at * 2 + 1]
  }

  /** Whether the name stands in more than one line. */
  repeated(key: string): boolean {
    const at = this.#keys.indexOf(key)
    return at >= 0 && this.#keys.indexOf(key, at + 1) >= 0
  }

  /** The value, all of them where the name stands in several lines, or undefined. */
  lookup(key: string): string | string[] | undefined {
    const at = this.#keys.indexOf(key)
    if (at < 0) return undefined
    return this.#keys.indexOf(key, at + 1) < 0 ? this.#lines[at * 2 + 1] : this.all(key)
  }

  /** Whether any name stands in more than one line. */
  repeats(): boolean {
    return this.#keys.some((key, at) => this.#keys.indexOf(key, at + 1) >= 0)
  }

  all(key: string): string[] {
    const found: string[] = []
    for (let at = this.#keys.indexOf(key); at >= 0; at = this.#keys.indexOf(key, at + 1)) found.push(this.#lines[at * 2 + 1]!)
    return found
  }

  has(key: string): boolean {
    return this.#keys.indexOf(key) >= 0
  }

  /** One line of this name, in the place of the first one that was there. `key`: the name in lower case, where it is at hand. */
  set(name: string, value: string, key = name.toLowerCase()): void {
    const at = this.#keys.indexOf(key)
    if (at < 0) {
      this.append(name, value, key)
      return
    }
    this.#lines[at * 2] = name
    this.#lines[at * 2 + 1] = value
    for (let other = this.#keys.indexOf(key, at + 1); other >= 0; other = this.#keys.indexOf(key, at + 1)) this.#cut(other)
  }

  append(name: string, value: string, key = name.toLowerCase()): void {
    this.#lines.push(name, value)
    this.#keys.push(key)
  }

  remove(key: string): void {
    for (let at = this.#keys.indexOf(key); at >= 0; at = this.#keys.indexOf(key)) this.#cut(at)
  }

  /** Drops every line whose lower-case name is asked for. */
  removeWhere(drop: (key: string) => boolean): void {
    const [keys, lines] = [this.#keys, this.#lines]
    let kept = 0
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at]!
      if (drop(key)) continue
      if (kept < at) {
        keys[kept] = key
        lines[kept * 2] = lines[at * 2]!
        lines[kept * 2 + 1] = lines[at * 2 + 1]!
      }
      kept++
    }
    keys.length = kept
    lines.length = kept * 2
  }

  keys(): readonly string[] {
    return this.#keys
  }

  /** Name and value at a place among `keys()`. */
  nameAt(at: number): string {
    return this.#lines[at * 2]!
  }

  valueAt(at: number): string {
    return this.#lines[at * 2 + 1]!
  }

  /** As Node's rawHeaders: the table's own lines, which are not to be changed by the table any more. */
  toRaw(): string[] {
    return this.#lines
  }

  #cut(at: number): void {
    this.#lines.splice(at * 2, 2)
    this.#keys.splice(at, 1)
  }
}
