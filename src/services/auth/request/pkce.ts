// PKCE parameters: both or none, in the words of upstream.
import { createHash, timingSafeEqual } from 'node:crypto'
import { errors } from '../errors.ts'

export interface Challenge {
  readonly challenge: string
  readonly method: 's256' | 'plain'
}

/** Undefined for the implicit flow. An unknown method is the server's failure, as upstream has it. */
export function acceptChallenge(challenge: string, method: string): Challenge | undefined {
  checkChallenge(challenge, method)
  if (challenge === '') return undefined
  const name = method.toLowerCase()
  if (name !== 's256' && name !== 'plain') throw new Error(`unsupported code_challenge method ${JSON.stringify(method)}`)
  return { challenge, method: name }
}

export function checkChallenge(challenge: string, method: string): void {
  if ((challenge === '') !== (method === '')) throw errors.validation('PKCE flow requires code_challenge_method and code_challenge')
  if (challenge === '') return
  if (challenge.length < 43 || challenge.length > 128) throw errors.validation('code challenge has to be between 43 and 128 characters')
  if (!/^[A-Za-z0-9._~-]+$/.test(challenge))
    throw errors.validation('code challenge can only contain alphanumeric characters, hyphens, periods, underscores and tildes')
}

export function verifierFits({ challenge, method }: Challenge, verifier: string): boolean {
  const given = method === 's256' ? createHash('sha256').update(verifier).digest('base64url') : verifier
  return sameText(given, challenge)
}

/** Comparison in a time that does not tell where the texts differ. */
export function sameText(a: string, b: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(a), hash(b))
}
