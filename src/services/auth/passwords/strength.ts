// Which passwords are accepted: length, character sets, and whether the password is in a known leak (where that is enabled).
import { createHash } from 'node:crypto'
import { request } from 'undici'
import { readBounded } from '../../../http/read-bounded.ts'
import type { Logger } from '../../../log/log.ts'
import type { AuthEnv } from '../env.ts'
import { errors, WeakPasswordError } from '../errors.ts'
import { isTooLong } from './hash.ts'

const HIBP = 'https://api.pwnedpasswords.com/range/'
const HIBP_TIMEOUT_MS = 5_000
/** A range has about 80 KB, padding included. */
const HIBP_MAX_BYTES = 1 << 20

/** Throws `validation_failed` over 72 bytes, WeakPasswordError otherwise; reasons in the order length, characters, pwned. */
export async function checkStrength(env: AuthEnv, log: Logger, password: string): Promise<void> {
  if (isTooLong(password)) throw errors.validation('Password cannot be longer than 72 characters')
  const messages: string[] = []
  const reasons: string[] = []
  if (Buffer.byteLength(password) < env.GOTRUE_PASSWORD_MIN_LENGTH) {
    messages.push(`Password should be at least ${env.GOTRUE_PASSWORD_MIN_LENGTH} characters.`)
    reasons.push('length')
  }
  const sets = env.GOTRUE_PASSWORD_REQUIRED_CHARACTERS
  if (sets.some((set) => ![...set].some((c) => password.includes(c)))) {
    messages.push(`Password should contain at least one character of each: ${sets.join(', ')}.`)
    reasons.push('characters')
  }
  if (env.GOTRUE_PASSWORD_HIBP_ENABLED && (await isPwned(env, log, password))) {
    messages.push('Password is known to be weak and easy to guess, please choose a different one.')
    reasons.push('pwned')
  }
  if (reasons.length > 0) throw new WeakPasswordError(messages.join(' '), reasons)
}

/** Asks by the first five digits of the SHA-1 only, so that the password does not leave. */
async function isPwned(env: AuthEnv, log: Logger, password: string): Promise<boolean> {
  const sha1 = createHash('sha1').update(password).digest('hex').toUpperCase()
  try {
    const { statusCode, body } = await request(HIBP + sha1.slice(0, 5), {
      headers: { 'user-agent': env.GOTRUE_PASSWORD_HIBP_USER_AGENT, 'add-padding': 'true' },
      signal: AbortSignal.timeout(HIBP_TIMEOUT_MS),
    })
    const text = await readBounded(body, HIBP_MAX_BYTES)
    if (statusCode !== 200) throw new Error(`the list of leaked passwords answered ${statusCode}`)
    if (text === undefined) throw new Error(`the list of leaked passwords sent more than ${HIBP_MAX_BYTES} bytes`)
    return text.split('\n').some((line) => {
      const [suffix, count] = line.trim().split(':')
      return suffix === sha1.slice(5) && count !== '0'
    })
  } catch (error) {
    if (env.GOTRUE_PASSWORD_HIBP_FAIL_CLOSED)
      throw errors.failure('Unable to perform password strength check with HaveIBeenPwned.org.', error)
    log.error({ err: error }, 'the list of leaked passwords could not be asked; passwords are accepted without it')
    return false
  }
}
