// A cursor over one parameter's text. It only finds out whether the text is what it should be; what to tell the client when it is not, is found
// by the second look of grammar.ts.

/** Thrown by a rule of the scanner; turned into PGRST100 by whoever knows which parameter was read. */
export class Unparsable extends Error {
  /** Set when the text fits the grammar and is refused for another reason. */
  readonly reason: string | undefined
  constructor(reason?: string) {
    super(reason ?? 'unparsable')
    this.name = 'Unparsable'
    this.reason = reason
  }
}

export class Scanner {
  readonly text: string
  at = 0

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

  /** Takes the literal if it is there. */
  take(literal: string): boolean {
    if (!this.text.startsWith(literal, this.at)) return false
    this.at += literal.length
    return true
  }

  /** Takes the literal or refuses the text. */
  need(literal: string): void {
    if (!this.take(literal)) throw new Unparsable()
  }

  sees(literal: string): boolean {
    return this.text.startsWith(literal, this.at)
  }

  /** Spaces and tabs. */
  spaces(): void {
    for (;;) {
      const { code } = this
      if (code !== 32 && code !== 9) return
      this.at++
    }
  }

  /** Takes a separator with the spaces around it. Spaces that no separator follows are refused. */
  separated(separator: string): boolean {
    const start = this.at
    this.spaces()
    if (!this.take(separator)) {
      if (this.at !== start) throw new Unparsable()
      return false
    }
    this.spaces()
    return true
  }

  /** Takes everything up to one of the characters, or to the end. */
  upTo(stops: string): string {
    const start = this.at
    while (!this.atEnd && !stops.includes(this.text[this.at]!)) this.at++
    return this.text.slice(start, this.at)
  }

  /** Runs a rule; on refusal puts the cursor back and gives undefined. */
  attempt<T>(rule: () => T): T | undefined {
    const start = this.at
    try {
      return rule()
    } catch (error) {
      if (!(error instanceof Unparsable) || error.reason !== undefined) throw error
      this.at = start
      return undefined
    }
  }
}
