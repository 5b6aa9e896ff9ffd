// Which certificate a client gets by the name that it asks for. Sources (the declarative file, an authority) put theirs in by a name
// of their own and replace them whole.
import { X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'

export interface Certificate {
  /** PEM, with its chain. */
  readonly cert: string
  readonly key: string
  /** The names it is served for; those that stand in it when none are given. `*.example.org` is one label deep, `example.*` likewise. */
  readonly names?: readonly string[]
}

export class Certificates {
  readonly #sources = new Map<string, ReadonlyMap<string, SecureContext>>()

  /** Throws what OpenSSL says of a pair that is none; the source's earlier ones stay then. */
  set(source: string, certificates: readonly Certificate[]): void {
    const contexts = new Map<string, SecureContext>()
    for (const { cert, key, names = namesOf(cert) } of certificates) {
      const context = createSecureContext({ cert, key })
      for (const name of names) contexts.set(name.toLowerCase(), context)
    }
    this.#sources.set(source, contexts)
  }

  contextFor(name: string): SecureContext | undefined {
    const asked = name.toLowerCase()
    const candidates = [asked, `*${asked.slice(asked.indexOf('.'))}`, `${asked.slice(0, asked.lastIndexOf('.') + 1)}*`]
    for (const candidate of candidates)
      for (const contexts of this.#sources.values()) {
        const context = contexts.get(candidate)
        if (context) return context
      }
    return undefined
  }
}

/** The DNS names of a certificate. */
export function namesOf(cert: string): string[] {
  const { subjectAltName = '' } = new X509Certificate(cert)
  return subjectAltName.split(', ').flatMap((entry) => (entry.startsWith('DNS:') ? [entry.slice(4)] : []))
}

/** When a certificate ends; milliseconds. */
export const endOf = (cert: string): number => Date.parse(new X509Certificate(cert).validTo)
/** When a certificate begins; milliseconds. */
export const beginOf = (cert: string): number => Date.parse(new X509Certificate(cert).validFrom)
