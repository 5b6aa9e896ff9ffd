// Captcha: the proof that a body carries is shown to the provider before anything else is done with the request.
import { request } from 'undici'
import { z } from 'zod'
import { readBounded } from '../../../http/read-bounded.ts'
import type { AuthEnv } from '../env.ts'
import { errors } from '../errors.ts'
import { object, readBody, string } from '../request/body.ts'
import type { Call } from '../request/call.ts'

const VERIFIERS = {
  hcaptcha: 'https://hcaptcha.com/siteverify',
  turnstile: 'https://challenges.cloudflare.com/turnstile/v0/siteverify',
} as const

const MAX_ANSWER_BYTES = 64 * 1024

const body = z.object({ gotrue_meta_security: object })
const security = z.object({ captcha_token: string }).catch({ captcha_token: '' })

/** Throws `captcha_failed`. */
export async function checkCaptcha(env: AuthEnv, call: Call): Promise<void> {
  if (!env.GOTRUE_SECURITY_CAPTCHA_ENABLED) return
  const { captcha_token: token } = security.parse(readBody(call, body).gotrue_meta_security ?? {})
  if (token.trim() === '') throw errors.captcha('no captcha_token found')
  const verdict = await ask(env, token.trim(), call.address)
  if (!verdict.success) throw errors.captcha(verdict.codes.join(', '))
}

async function ask(env: AuthEnv, token: string, address: string): Promise<{ success: boolean; codes: readonly string[] }> {
  try {
    const { body: stream } = await request(VERIFIERS[env.GOTRUE_SECURITY_CAPTCHA_PROVIDER], {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ secret: env.GOTRUE_SECURITY_CAPTCHA_SECRET ?? '', response: token, remoteip: address }).toString(),
      signal: AbortSignal.timeout(env.GOTRUE_SECURITY_CAPTCHA_TIMEOUT),
    })
    const text = await readBounded(stream, MAX_ANSWER_BYTES)
    if (text === undefined) throw new Error(`the captcha provider sent more than ${MAX_ANSWER_BYTES} bytes`)
    const json = JSON.parse(text) as { success?: unknown; 'error-codes'?: unknown }
    const codes = Array.isArray(json['error-codes']) ? json['error-codes'].map(String) : []
    return { success: json.success === true, codes }
  } catch (error) {
    throw errors.failure('captcha verification process failed', error)
  }
}
