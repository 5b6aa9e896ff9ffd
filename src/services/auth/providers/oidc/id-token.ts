// ID tokens: signature, issuer, times and the hash of the access token. Audience and nonce are judged where the token came from.
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { JsonMap } from '../../request/body.ts'
import { sameText } from '../../request/pkce.ts'
import type { ExternalUser } from '../claims.ts'
import type { Issuer } from './issuers.ts'
import { profileOf } from './profiles.ts'

const NOT_BEFORE_LEEWAY_S = 300
const MAX_TOKEN_LENGTH = 65_536

const registered = z.looseObject({
  iss: z.string().default(''),
  sub: z.string().default(''),
  aud: z
    .union([z.string(), z.array(z.string())])
    .default([])
    .transform((value) => (typeof value === 'string' ? [value] : value)),
  exp: z.number(),
  nbf: z.number().nullish(),
  nonce: z.string().nullish(),
  at_hash: z.string().nullish(),
})

export interface IdToken {
  readonly issuer: string
  readonly subject: string
  readonly audience: readonly string[]
  readonly nonce: string
  readonly hasAccessTokenHash: boolean
  readonly claims: JsonMap
}

export interface IdTokenOptions {
  /** Must be the token's issuer; undefined where several are fine. */
  readonly issuer: string | undefined
  /** Must be among the audience, where given. */
  readonly clientId?: string
  /** Compared with `at_hash`, where both are given. */
  readonly accessToken?: string
}

/** Rejects for whatever is wrong with the token; the reason is for the log. */
export async function readIdToken(
  issuer: Issuer,
  token: string,
  options: IdTokenOptions,
  now = Date.now(),
): Promise<{ readonly token: IdToken; readonly user: ExternalUser }> {
  if (token.length > MAX_TOKEN_LENGTH) throw new Error('the ID token is too long')
  const { payload, protectedHeader } = await issuer.verify(token)
  const raw = JSON.parse(Buffer.from(payload).toString('utf8')) as JsonMap
  const claims = registered.parse(raw)
  if (options.issuer !== undefined && !sameIssuer(claims.iss, options.issuer)) throw new Error('the ID token is of another issuer')
  if (options.clientId !== undefined && !claims.aud.includes(options.clientId)) throw new Error('the ID token is for another client')
  if (now > claims.exp * 1_000) throw new Error('the ID token is expired')
  if (claims.nbf && now + NOT_BEFORE_LEEWAY_S * 1_000 < claims.nbf * 1_000) throw new Error('the ID token is not valid yet')
  if (options.accessToken && claims.at_hash && !sameText(accessTokenHash(options.accessToken, protectedHeader.alg), claims.at_hash))
    throw new Error('the ID token is not that of the access token')
  return {
    token: {
      issuer: claims.iss,
      subject: claims.sub,
      audience: claims.aud,
      nonce: claims.nonce ?? '',
      hasAccessTokenHash: Boolean(claims.at_hash),
      claims: raw,
    },
    user: profileOf(claims.iss, raw),
  }
}

/** Google writes its name with and without the scheme. */
const sameIssuer = (given: string, expected: string): boolean =>
  given === expected || (expected === 'https://accounts.google.com' && given === 'accounts.google.com')

function accessTokenHash(accessToken: string, algorithm: string): string {
  const bits = /(256|384|512)$/.exec(algorithm)?.[1] ?? '512'
  const hash = createHash(`sha${bits}`).update(accessToken).digest()
  return hash.subarray(0, hash.length / 2).toString('base64url')
}

/** The issuer that a token names, before anything is known of it; undefined when it is no token. */
export function namedIssuer(token: string): string | undefined {
  const parts = token.split('.')
  if (parts.length !== 3 || token.length > MAX_TOKEN_LENGTH) return undefined
  try {
    const { iss } = JSON.parse(Buffer.from(parts[1]!, 'base64url').toString('utf8')) as JsonMap
    return typeof iss === 'string' ? iss : ''
  } catch {
    return undefined
  }
}
