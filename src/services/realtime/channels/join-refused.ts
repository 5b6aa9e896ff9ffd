// A join that is not let through, with upstream's code and words.

export class JoinRefused extends Error {
  /** Upstream's operational code; empty where the reason has none. */
  readonly code: string
  /** The socket is closed as well. */
  readonly disconnect: boolean
  constructor(code: string, message: string, { disconnect = false }: { disconnect?: boolean } = {}) {
    super(message)
    this.name = 'JoinRefused'
    this.code = code
    this.disconnect = disconnect
  }

  get reason(): string {
    return this.code === '' ? this.message : `${this.code}: ${this.message}`
  }
}
