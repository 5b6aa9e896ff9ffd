// The proofs that an authority asks for while it validates a name: a text under a well-known path (HTTP-01), or a certificate for a
// protocol of its own (TLS-ALPN-01). Both stand only as long as they are awaited.
import type { SecureContext } from 'node:tls'

const PREFIX = '/.well-known/acme-challenge/'

export class Challenges {
  readonly #texts = new Map<string, string>()
  readonly #contexts = new Map<string, SecureContext>()

  /** Serves `text` for the token. Returns what ends that. */
  offerText(token: string, text: string): () => void {
    this.#texts.set(token, text)
    return () => this.#texts.delete(token)
  }

  offerContext(name: string, context: SecureContext): () => void {
    this.#contexts.set(name.toLowerCase(), context)
    return () => this.#contexts.delete(name.toLowerCase())
  }

  /** The text for a request's target; undefined for everything else, also for a token that nobody awaits. */
  textFor(target: string | undefined): string | undefined {
    return this.#texts.size > 0 && target?.startsWith(PREFIX) ? this.#texts.get(target.slice(PREFIX.length)) : undefined
  }

  /** Whether a validation over TLS may come. */
  awaited(): boolean {
    return this.#contexts.size > 0
  }

  contextFor(name: string): SecureContext | undefined {
    return this.#contexts.get(name.toLowerCase())
  }
}
