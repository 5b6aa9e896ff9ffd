// A cursor over one parameter's text that remembers what would have been accepted where, so that a refusal can say it in upstream's words
// (those of the Parsec library: `unexpected X expecting A, B or C`).

/** Thrown by a grammar; turned into PGRST100 by whoever knows which parameter was read. */
export class Unparsable extends Error {
  readonly column: number
  readonly details: string
  constructor(column: number, details: string) {
    super(details)
    this.name = 'Unparsable'
    this.column = column
    this.details = details
  }
}

export class Scanner {
  readonly text: string
  at = 0
  #furthest = 0
  #expected = new Set<string>()

  constructor(text: string) {
    this.text = text
  }

  get atEnd(): boolean {
    return this.at >= this.text.length
  }

  /** The code unit under the cursor, NaN at the end. */
  get code(): number {
    return this.text.charCodeAt(this.at)
  }

  /** Takes the literal if it is there; otherwise remembers that it would have been welcome. */
  take(literal: string, label = quoted(literal)): boolean {
    if (this.text.startsWith(literal, this.at)) {
      this.at += literal.length
      return true
    }
    this.expect(label)
    return false
  }

  /** Whether the literal comes next; leaves no trace. */
  sees(literal: string): boolean {
    return this.text.startsWith(literal, this.at)
  }

  spaces(): void {
    while (this.code === 32) this.at++
  }

  /** Remembers that `label` would have been accepted at the cursor. */
  expect(label: string): void {
    if (this.at < this.#furthest) return
    if (this.at > this.#furthest) {
      this.#furthest = this.at
      this.#expected = new Set()
    }
    this.#expected.add(label)
  }

  fail(label?: string): never {
    if (label !== undefined) this.expect(label)
    const at = Math.max(this.#furthest, this.at)
    const found = this.text.codePointAt(at)
    const unexpected = found === undefined ? 'end of input' : quoted(String.fromCodePoint(found))
    const expected = this.#furthest >= this.at ? [...this.#expected] : []
    throw new Unparsable(at + 1, `unexpected ${unexpected}${expected.length > 0 ? ` expecting ${inWords(expected)}` : ''}`)
  }

  /** Runs a rule; on refusal puts the cursor back and gives undefined. What it would have accepted stays remembered. */
  attempt<T>(rule: () => T): T | undefined {
    const start = this.at
    try {
      return rule()
    } catch (error) {
      if (!(error instanceof Unparsable)) throw error
      this.at = start
      return undefined
    }
  }
}

const quoted = (text: string): string => JSON.stringify(text)

function inWords(labels: readonly string[]): string {
  if (labels.length === 1) return labels[0]!
  return `${labels.slice(0, -1).join(', ')} or ${labels.at(-1)}`
}
