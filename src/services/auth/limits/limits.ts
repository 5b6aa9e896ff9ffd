// Which request counts against which limit: upstream's variables, each endpoint with buckets of its own.
import type { AuthEnv } from '../env.ts'
import { errors } from '../errors.ts'
import { type Call, header } from '../request/call.ts'
import type { Allowance, Counters } from './counters.ts'
import { publicClient } from './public-address.ts'

const FIVE_MINUTES = 300_000
const BURST = 30

export type LimitName =
  | 'token'
  | 'web3'
  | 'verify'
  | 'signup'
  | 'recover'
  | 'resend'
  | 'magiclink'
  | 'otp'
  | 'user'
  | 'anonymous'
  | 'sso'
  | 'saml'
  | 'challenge'
  | 'factor-verify'
  | 'passkey'
  | 'client-register'

export class Limits {
  readonly #env: AuthEnv
  readonly #counters: Counters
  readonly #clients: Readonly<Record<LimitName, Allowance>>

  constructor(env: AuthEnv, counters: Counters) {
    this.#env = env
    this.#counters = counters
    const perFive = (events: number): Allowance => ({ events, overMs: FIVE_MINUTES, burst: BURST })
    const otp = () => perFive(env.GOTRUE_RATE_LIMIT_OTP)
    const mfa = (): Allowance => ({ events: env.GOTRUE_MFA_RATE_LIMIT_CHALLENGE_AND_VERIFY, overMs: 60_000, burst: BURST })
    const hourly = (events: number): Allowance => ({ events, overMs: 3_600_000, burst: events })
    this.#clients = {
      token: perFive(env.GOTRUE_RATE_LIMIT_TOKEN_REFRESH),
      web3: perFive(env.GOTRUE_RATE_LIMIT_WEB3),
      verify: perFive(env.GOTRUE_RATE_LIMIT_VERIFY),
      signup: otp(),
      recover: otp(),
      resend: otp(),
      magiclink: otp(),
      otp: otp(),
      user: otp(),
      anonymous: hourly(env.GOTRUE_RATE_LIMIT_ANONYMOUS_USERS),
      sso: perFive(env.GOTRUE_RATE_LIMIT_SSO),
      saml: perFive(env.GOTRUE_SAML_RATE_LIMIT_ASSERTION),
      passkey: perFive(env.GOTRUE_RATE_LIMIT_PASSKEY),
      'client-register': perFive(env.GOTRUE_RATE_LIMIT_O_AUTH_DYNAMIC_CLIENT_REGISTER),
      challenge: mfa(),
      'factor-verify': mfa(),
    }
  }

  /** Throws `over_request_rate_limit`. A client that cannot be told from others is not limited. */
  async request(name: LimitName, call: Call): Promise<void> {
    const client = this.#clientOf(call)
    if (client !== '' && !(await this.#counters.takeOf(name, client, this.#clients[name]))) throw errors.requestRate()
  }

  /** Counts a mail of the whole instance; throws `over_email_send_rate_limit`. */
  async mail(): Promise<void> {
    if (!this.#env.GOTRUE_MAILER_AUTOCONFIRM && !(await this.#counters.take('mail', this.#env.GOTRUE_RATE_LIMIT_EMAIL_SENT)))
      throw errors.mailRate()
  }

  async message(): Promise<void> {
    if (!this.#env.GOTRUE_SMS_AUTOCONFIRM && !(await this.#counters.take('message', this.#env.GOTRUE_RATE_LIMIT_SMS_SENT)))
      throw errors.smsRate()
  }

  #clientOf(call: Call): string {
    if (this.#env.GOTRUE_SECURITY_SB_FORWARDED_FOR_ENABLED && header(call, 'sb-forwarded-for') !== '') return call.address
    const name = this.#env.GOTRUE_RATE_LIMIT_HEADER.toLowerCase()
    if (name !== '') return header(call, name).split(',', 1)[0]!.trim()
    const inStack = this.#env.PLINTH_AUTH_ADDRESS_HEADER.toLowerCase()
    return inStack === '' ? '' : (publicClient(header(call, inStack).trim()) ?? '')
  }
}
