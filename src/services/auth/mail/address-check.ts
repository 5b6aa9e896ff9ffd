// Which addresses mail is not sent to, where that is asked for: those that nobody has, hosts that take no mail, and what a service of the
// operator's says is none. Nobody is refused because a name server or the service is away.
import { Resolver } from 'node:dns/promises'
import { request } from 'undici'
import type { AuthEnv } from '../env.ts'
import { errors } from '../errors.ts'

const TIMEOUT_MS = 3_000
const MAX_ANSWER_BYTES = 1_024
/** Typed often, and nobody's. */
const NOBODYS = new Set(['test@gmail.com', 'example@gmail.com', 'someone@gmail.com', 'test@email.com'])
/** Names that RFC 2606 keeps for examples, slips of the finger, and hosts without mail. */
const NO_MAIL = new Set(
  'test example invalid local localhost test.com example.com example.net example.org gamil.com gamai.com anonymous.com email.com'.split(
    ' ',
  ),
)
const RESERVED = /\.(test|example|invalid|local|localhost)$/
/** Big enough to be there: their name servers are not asked. */
const KNOWN = new Set(
  'gmail.com yahoo.com hotmail.com aol.com outlook.com comcast.net icloud.com msn.com hotmail.co.uk sbcglobal.net live.com me.com att.net mail.ru'.split(
    ' ',
  ),
)

export interface NameServer {
  resolveMx(host: string): Promise<readonly { readonly exchange: string }[]>
  resolve(host: string): Promise<readonly string[]>
}

export class AddressCheck {
  readonly #env: AuthEnv
  readonly #names: NameServer

  constructor(env: AuthEnv, names: NameServer = new Resolver({ timeout: TIMEOUT_MS, tries: 1 })) {
    this.#env = env
    this.#names = names
  }

  /** Throws `email_address_invalid`. */
  async check(address: string): Promise<void> {
    const { GOTRUE_MAILER_EMAIL_VALIDATION_EXTENDED: extended, GOTRUE_MAILER_EMAIL_VALIDATION_SERVICE_URL: service } = this.#env
    if (extended && !isLikely(address)) throw errors.addressInvalid(address)
    const verdicts = await Promise.all([
      extended ? this.#takesMail(address.slice(address.lastIndexOf('@') + 1)) : true,
      service === '' ? true : this.#isValid(address),
    ])
    if (verdicts.includes(false)) throw errors.addressInvalid(address)
  }

  async #takesMail(host: string): Promise<boolean> {
    if (!host.includes('.')) return false
    if (KNOWN.has(host)) return true
    try {
      return this.#none((await this.#names.resolveMx(host)).map(({ exchange }) => exchange))
    } catch (error) {
      if (!isUnknown(error)) return true
    }
    try {
      return this.#none(await this.#names.resolve(host))
    } catch (error) {
      return !isUnknown(error)
    }
  }

  #none(hosts: readonly string[]): boolean {
    const blocked = this.#env.GOTRUE_MAILER_EMAIL_VALIDATION_BLOCKED_MX
    return !hosts.some((host) => blocked.has(host.replace(/\.$/, '').toLowerCase()))
  }

  async #isValid(address: string): Promise<boolean> {
    try {
      const { statusCode, body } = await request(this.#env.GOTRUE_MAILER_EMAIL_VALIDATION_SERVICE_URL, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...lastOf(this.#env.GOTRUE_MAILER_EMAIL_VALIDATION_SERVICE_HEADERS) },
        body: JSON.stringify({ email: address }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      let text = ''
      for await (const part of body) {
        text += String(part)
        if (text.length > MAX_ANSWER_BYTES) return true
      }
      return statusCode < 200 || statusCode > 299 || (JSON.parse(text) as { valid?: unknown }).valid !== false
    } catch {
      return true // the service is away or talks of something else: the address may be a good one
    }
  }
}

const lastOf = (headers: Readonly<Record<string, readonly string[]>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).flatMap(([name, values]) => (values.length > 0 ? [[name, values.at(-1)!]] : [])))

function isLikely(address: string): boolean {
  const at = address.lastIndexOf('@')
  const host = address.slice(at + 1)
  if (at < 1 || NOBODYS.has(address) || NO_MAIL.has(host) || RESERVED.test(host)) return false
  // Gmail has no names under six characters.
  return host !== 'gmail.com' || at >= 6
}

/** The name servers know that there is no such name; anything else is their trouble. */
const isUnknown = (error: unknown): boolean => ['ENOTFOUND', 'ENODATA'].includes((error as { code?: string }).code ?? '')
