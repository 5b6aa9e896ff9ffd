// Which request counts against which limit: upstream's variables, each endpoint with buckets of its own.
import type { AuthEnv, Rate } from '../env.ts'
import { errors } from '../errors.ts'
import { type Call, header } from '../request/call.ts'
import { ClientBuckets, TokenBucket, Window } from './buckets.ts'

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
  | 'challenge'
  | 'factor-verify'

export class Limits {
  readonly #env: AuthEnv
  readonly #clients: Readonly<Record<LimitName, ClientBuckets>>
  readonly #mails: { take(nowMs: number): boolean }
  readonly #messages: { take(nowMs: number): boolean }

  constructor(env: AuthEnv) {
    this.#env = env
    const perFive = (events: number) => new ClientBuckets(events, FIVE_MINUTES, BURST)
    const otp = () => perFive(env.GOTRUE_RATE_LIMIT_OTP)
    const mfa = () => new ClientBuckets(env.GOTRUE_MFA_RATE_LIMIT_CHALLENGE_AND_VERIFY, 60_000, BURST)
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
      anonymous: new ClientBuckets(env.GOTRUE_RATE_LIMIT_ANONYMOUS_USERS, 3_600_000, env.GOTRUE_RATE_LIMIT_ANONYMOUS_USERS),
      sso: perFive(env.GOTRUE_RATE_LIMIT_SSO),
      challenge: mfa(),
      'factor-verify': mfa(),
    }
    this.#mails = counterOf(env.GOTRUE_RATE_LIMIT_EMAIL_SENT)
    this.#messages = counterOf(env.GOTRUE_RATE_LIMIT_SMS_SENT)
  }

  /** Throws `over_request_rate_limit`. A client that cannot be told from others is not limited. */
  request(name: LimitName, call: Call): void {
    const client = this.#clientOf(call)
    if (client !== '' && !this.#clients[name].take(client)) throw errors.requestRate()
  }

  /** Counts a mail of the whole instance; throws `over_email_send_rate_limit`. */
  mail(): void {
    if (!this.#env.GOTRUE_MAILER_AUTOCONFIRM && !this.#mails.take(Date.now())) throw errors.mailRate()
  }

  message(): void {
    if (!this.#env.GOTRUE_SMS_AUTOCONFIRM && !this.#messages.take(Date.now())) throw errors.smsRate()
  }

  #clientOf(call: Call): string {
    if (this.#env.GOTRUE_SECURITY_SB_FORWARDED_FOR_ENABLED && header(call, 'sb-forwarded-for') !== '') return call.address
    const name = this.#env.GOTRUE_RATE_LIMIT_HEADER.toLowerCase()
    return name === '' ? '' : header(call, name).split(',', 1)[0]!.trim()
  }
}

const counterOf = ({ events, overMs, kind }: Rate) =>
  kind === 'window' ? new Window(events, overMs) : new TokenBucket(1 / overMs, events, Date.now())
