// Logins of MP_UI_AUTH and MP_SMTP_AUTH: `user:password` pairs at blanks, the password plain or a bcrypt hash.
import { createHash, timingSafeEqual } from 'node:crypto'
import { verify } from '@node-rs/bcrypt'

export type CheckLogin = (user: string, password: string) => Promise<boolean>

/** Undefined when nothing is set. Throws for a hash of a kind that is not known: it must not be taken for a plain password. */
export function loginsOf(variable: string, value: string | undefined): CheckLogin | undefined {
  const pairs = (value ?? '').split(/\s+/).filter((pair) => pair !== '')
  if (pairs.length === 0) return undefined
  const logins = new Map<string, string>()
  for (const pair of pairs) {
    const colon = pair.indexOf(':')
    const password = pair.slice(colon + 1)
    if (colon < 1 || password === '') throw new Error(`${variable}: expected user:password pairs, separated by blanks`)
    if (/^(\$(?!2[aby]\$)\w+\$|\{SHA\})/.test(password))
      throw new Error(`${variable}: the password of ${pair.slice(0, colon)} is a hash of an unknown kind; use bcrypt or plain text`)
    logins.set(pair.slice(0, colon), password)
  }
  return async (user, password) => {
    const expected = logins.get(user)
    if (expected === undefined) return false
    if (/^\$2[aby]\$/.test(expected)) return verify(password, expected).catch(() => false)
    return timingSafeEqual(digest(password), digest(expected))
  }
}

function digest(value: string): Buffer {
  return createHash('sha256').update(value).digest()
}
