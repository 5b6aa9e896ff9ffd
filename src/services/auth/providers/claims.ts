// What a provider says of a person, in the one shape that every provider's answer is brought into.
import type { JsonMap } from '../request/body.ts'

export interface ExternalEmail {
  readonly email: string
  readonly verified: boolean
  readonly primary: boolean
}

/** By the names under which it is stored. Absent, empty and zero are the same; the two `_verified` are always stored. */
export interface Claims {
  readonly iss?: string
  readonly sub: string
  readonly aud?: string
  readonly iat?: number
  readonly exp?: number
  readonly name?: string
  readonly family_name?: string
  readonly given_name?: string
  readonly middle_name?: string
  readonly nickname?: string
  readonly preferred_username?: string
  readonly profile?: string
  readonly picture?: string
  readonly website?: string
  readonly gender?: string
  readonly birthdate?: string
  readonly zoneinfo?: string
  readonly locale?: string
  readonly updated_at?: string
  readonly email?: string
  readonly email_verified?: boolean
  readonly phone?: string
  readonly phone_verified?: boolean
  readonly custom_claims?: JsonMap | undefined
  readonly full_name?: string
  readonly avatar_url?: string
  readonly slug?: string
  readonly provider_id?: string
  readonly user_name?: string
}

export interface ExternalUser {
  readonly emails: readonly ExternalEmail[]
  readonly claims: Claims
}

/** One address, or none when it is empty. */
export const onlyEmail = (email: string, verified: boolean): readonly ExternalEmail[] =>
  email === '' ? [] : [{ email, verified, primary: true }]

/** The address that is recorded: the primary one, else the last. */
export function withRecordedEmail({ emails, claims }: ExternalUser): ExternalUser {
  const recorded = emails.find(({ primary }) => primary) ?? emails.at(-1)
  return {
    emails,
    claims: { ...claims, ...(recorded ? { email: recorded.email } : {}), email_verified: recorded?.verified ?? false },
  }
}

/** As it is stored in the identity and merged into the user's metadata. */
export function identityData(claims: Claims): JsonMap {
  const kept = Object.entries(claims).filter(([, value]) => value !== undefined && value !== '' && value !== 0)
  return {
    ...Object.fromEntries(kept),
    ...(claims.email ? { email: claims.email.toLowerCase() } : {}),
    email_verified: claims.email_verified ?? false,
    phone_verified: claims.phone_verified ?? false,
  }
}
