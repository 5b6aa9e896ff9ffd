// Keeps the certificates of some names: those that the store has are served at once, missing ones are obtained, and each is renewed in
// time. A refusal is tried again later and later, and never ends anything else.
import type { Logger } from '../../../../log/log.ts'
import { beginOf, type Certificates, endOf, namesOf } from '../certificates.ts'
import type { Issuer } from './issuer.ts'
import type { AcmeStore, Domain, StoredAccount, StoredCertificate } from './store.ts'

export interface ResolverSettings {
  /** Under which the store keeps its things. */
  readonly name: string
  readonly issuer: Issuer
  readonly store: AcmeStore
  readonly certificates: Certificates
  readonly log: Logger
  /** Milliseconds of the day; a test's own. */
  readonly now?: () => number
}

const DAY_MS = 24 * 3_600_000
const RENEW_BEFORE_MS = 30 * DAY_MS
// Authorities count failed validations by the hour: https://letsencrypt.org/docs/rate-limits/.
const RETRY_MS = [60_000, 5 * 60_000, 15 * 60_000, 3_600_000, 6 * 3_600_000]

export class AcmeResolver {
  readonly #settings: ResolverSettings
  readonly #now: () => number
  #account: StoredAccount | undefined
  #kept: StoredCertificate[] = []
  #wanted: readonly Domain[] = []
  #failures = 0
  #timer: NodeJS.Timeout | undefined
  #round: Promise<void> | undefined
  #saving: Promise<void> | undefined
  #again = false
  #stopped = false

  constructor(settings: ResolverSettings) {
    this.#settings = settings
    this.#now = settings.now ?? Date.now
  }

  /** Reads the store. Throws AcmeStoreError. */
  async open(): Promise<void> {
    const { account, certificates } = await this.#settings.store.read(this.#settings.name)
    this.#account = account
    this.#kept = [...certificates]
    this.#serve()
  }

  /** From now on these names have certificates, as soon as the authority gives them. Resolves when a round over them has ended. */
  want(domains: readonly Domain[]): Promise<void> {
    this.#wanted = domains
    this.#failures = 0
    return this.#start()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    // What was obtained is on the disk before the end; whoever saves tells of a failure.
    await this.#saving?.catch(() => undefined)
  }

  #start(): Promise<void> {
    if (this.#stopped) return Promise.resolve()
    if (this.#round) {
      this.#again = true
      return this.#round
    }
    clearTimeout(this.#timer)
    this.#round = this.#obtainAll().finally(() => {
      this.#round = undefined
      if (this.#stopped) return
      if (this.#again) {
        this.#again = false
        void this.#start()
      } else this.#sleep()
    })
    return this.#round
  }

  async #obtainAll(): Promise<void> {
    const { issuer, log } = this.#settings
    let failed = false
    for (const domain of this.#due()) {
      if (this.#stopped) return
      try {
        this.#account ??= await issuer.account(undefined)
        const obtained = await issuer.certificate(domain, this.#account)
        this.#kept = [...this.#kept.filter((other) => keyOf(other.domain) !== keyOf(domain)), obtained]
        this.#serve()
        this.#saving = this.#settings.store.write(this.#settings.name, { account: this.#account, certificates: this.#kept })
        await this.#saving
        log.info({ names: [domain.main, ...domain.sans], until: new Date(endOf(obtained.cert)).toISOString() }, 'certificate obtained')
      } catch (error) {
        failed = true
        log.error({ names: [domain.main, ...domain.sans], reason: reasonOf(error) }, 'no certificate obtained: it is asked for again later')
      }
    }
    this.#failures = failed ? this.#failures + 1 : 0
  }

  /** Those without a certificate, and those whose certificate ends soon. */
  #due(): Domain[] {
    return this.#wanted.filter((domain) => {
      const names = [domain.main, ...domain.sans].map((name) => name.toLowerCase())
      const kept = this.#kept.find(({ cert }) => {
        const have = new Set(namesOf(cert).map((name) => name.toLowerCase()))
        return names.every((name) => have.has(name))
      })
      return !kept || this.#now() >= renewAt(kept.cert)
    })
  }

  #sleep(): void {
    const next =
      this.#failures > 0
        ? RETRY_MS[Math.min(this.#failures, RETRY_MS.length) - 1]!
        : Math.min(DAY_MS, ...this.#kept.map(({ cert }) => Math.max(60_000, renewAt(cert) - this.#now())))
    this.#timer = setTimeout(() => void this.#start(), next)
    this.#timer.unref()
  }

  #serve(): void {
    this.#settings.certificates.set(`acme:${this.#settings.name}`, this.#kept)
  }
}

/** Thirty days before the end; of short-lived ones the last third of their time. */
function renewAt(cert: string): number {
  const end = endOf(cert)
  return end - Math.min(RENEW_BEFORE_MS, (end - beginOf(cert)) / 3)
}

const keyOf = ({ main, sans }: Domain): string => [main, ...sans].join(',').toLowerCase()

/** What went wrong, without the request that holds signatures and tokens. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
