// Certificates for entry points: those of the dynamic configuration, those of authorities (`certificatesResolvers`), and one of the
// gateway's own making for every other name. An entry point answers plain and TLS connections on its one port.
import { readFile } from 'node:fs/promises'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { Logger } from '../../../log/log.ts'
import type { TlsMaterial } from '../../../service/definition.ts'
import { Challenges } from '../tls/acme/challenges.ts'
import { acmeIssuer, type KeyType } from '../tls/acme/issuer.ts'
import { AcmeResolver } from '../tls/acme/resolver.ts'
import { AcmeStore, type Domain } from '../tls/acme/store.ts'
import { type Certificate, Certificates } from '../tls/certificates.ts'
import { selfSigned } from '../tls/self-signed.ts'
import type { RouterInfo, RuntimeConfig } from './config/runtime.ts'
import type { StaticConfig } from './config/static.ts'
import { hostsOfRule } from './rules/compile.ts'
import { tlsDefaults } from './tls-options.ts'

const KEY_TYPES: ReadonlyMap<string, KeyType> = new Map(
  (['RSA2048', 'RSA4096', 'RSA8192', 'EC256', 'EC384'] as const).map((type) => [type, type]),
)

export class EntryPointTls {
  readonly challenges = new Challenges()
  readonly #certificates = new Certificates()
  readonly #resolvers = new Map<string, AcmeResolver>()
  readonly #log: Logger
  readonly #own = selfSigned(['TRAEFIK DEFAULT CERT'])
  #fallback: SecureContext | undefined
  #fallbackPair: Certificate | undefined
  /** The entry points on which the authority's questions are answered over HTTP. */
  readonly #asked = new Set<string>()

  /** Throws AcmeStoreError. */
  static async open(config: StaticConfig, log: Logger): Promise<EntryPointTls> {
    const tls = new EntryPointTls(log)
    const stores = new Map<string, AcmeStore>()
    for (const [name, { acme }] of Object.entries(config.certificatesResolvers ?? {})) {
      if (!acme) continue
      const challenge = acme.httpChallenge ? 'http-01' : acme.tlsChallenge ? 'tls-alpn-01' : undefined
      if (!challenge) {
        log.error(
          { resolver: name },
          'the resolver names no challenge that is served (httpChallenge, tlsChallenge): it gives no certificates',
        )
        continue
      }
      if (acme.httpChallenge) tls.#asked.add(acme.httpChallenge.entryPoint)
      const store = stores.get(acme.storage) ?? new AcmeStore(acme.storage)
      stores.set(acme.storage, store)
      const { kid, hmacEncoded } = acme.eab ?? {}
      const issuer = acmeIssuer(
        {
          directoryUrl: acme.caServer,
          email: acme.email,
          challenge,
          keyType: KEY_TYPES.get(acme.keyType) ?? 'RSA4096',
          ...(acme.preferredChain ? { preferredChain: acme.preferredChain } : {}),
          ...(kid && hmacEncoded ? { eab: { kid, hmacKey: hmacEncoded } } : {}),
        },
        tls.challenges,
      )
      const resolver = new AcmeResolver({ name, issuer, store, certificates: tls.#certificates, log })
      await resolver.open()
      tls.#resolvers.set(name, resolver)
    }
    return tls
  }

  private constructor(log: Logger) {
    this.#log = log
  }

  /** Takes the certificates of a configuration over, and asks authorities for what its routers want. What cannot be read is said. */
  async use(runtime: RuntimeConfig, config: StaticConfig): Promise<void> {
    const found: Certificate[] = []
    for (const { certificates = [], stores = {} } of runtime.tls) {
      for (const pair of certificates) {
        const read = await this.#read(pair)
        if (read) found.push(read)
      }
      const fallback = stores['default']?.defaultCertificate
      const read = fallback && (await this.#read(fallback))
      if (!read) continue
      this.#fallback = createSecureContext(read)
      this.#fallbackPair = read
    }
    this.#certificates.set('file', found)
    const wanted = new Map<string, Domain[]>([...this.#resolvers.keys()].map((name) => [name, []]))
    for (const router of runtime.routers.values()) this.#want(router, config, wanted)
    for (const [name, domains] of wanted) {
      const different = new Map(domains.map((domain) => [JSON.stringify(domain), domain]))
      if (different.size > 0) void this.#resolvers.get(name)!.want([...different.values()])
    }
  }

  material(config: RuntimeConfig): TlsMaterial {
    return {
      // Also for clients that ask for no name.
      ...(this.#fallbackPair ?? this.#own),
      plainToo: true,
      http2: true,
      ...tlsDefaults(config),
      contextFor: (name) => this.#certificates.contextFor(name) ?? this.#fallback,
      validation: this.challenges,
    }
  }

  /** The proof that an authority asks for on this entry point; undefined for every other request. */
  proofFor(entryPoint: string, url: string | undefined): string | undefined {
    return this.#asked.has(entryPoint) && url?.startsWith('/.well-known/acme-challenge/') ? this.challenges.textFor(url) : undefined
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#resolvers.values()].map((resolver) => resolver.stop()))
  }

  #want(router: RouterInfo, config: StaticConfig, wanted: ReadonlyMap<string, Domain[]>): void {
    if (router.status === 'disabled') return
    const tls = router.config.tls ?? router.using.map((name) => config.entryPoints[name]?.http.tls).find((found) => found !== undefined)
    if (!tls?.certResolver) return
    const domains = wanted.get(tls.certResolver)
    if (!domains) {
      this.#log.error({ router: router.name, resolver: tls.certResolver }, 'Router uses a nonexistent certificate resolver')
      return
    }
    const named = (tls.domains ?? []).flatMap(({ main, sans = [] }) => (main ? [{ main, sans }] : []))
    const hosts = named.length > 0 ? [] : hostsOfRule(router.config.rule ?? '')
    domains.push(...named, ...(hosts[0] === undefined ? [] : [{ main: hosts[0], sans: hosts.slice(1) }]))
  }

  /** A path, or the text itself. */
  async #read({ certFile, keyFile }: { certFile?: string | undefined; keyFile?: string | undefined }): Promise<Certificate | undefined> {
    try {
      const [cert = '', key = ''] = await Promise.all(
        [certFile, keyFile].map(async (given = '') => (given.includes('-----BEGIN') ? given : await readFile(given, 'utf8'))),
      )
      createSecureContext({ cert, key })
      return { cert, key }
    } catch (error) {
      this.#log.error({ certFile, reason: (error as Error).message }, 'a certificate cannot be used')
      return undefined
    }
  }
}
