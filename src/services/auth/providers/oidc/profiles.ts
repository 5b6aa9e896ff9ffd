// Claims of an ID token as a profile: each issuer has its own names and its own idea of a verified address.
import { z } from 'zod'
import type { JsonMap } from '../../request/body.ts'
import { type Claims, type ExternalUser, onlyEmail } from '../claims.ts'
import { flag, real, text } from '../fields.ts'
import { ISSUERS, isAppleIssuer, isAzureIssuer } from './names.ts'

type Reader = (issuer: string, claims: JsonMap) => ExternalUser

/** Throws when a claim is of another type than it must be. */
export function profileOf(issuer: string, claims: JsonMap): ExternalUser {
  const reader = readers.get(issuer) ?? (isAzureIssuer(issuer) ? azure : isAppleIssuer(issuer) ? apple : generic)
  return reader(issuer, claims)
}

const googleClaims = z.object({
  iss: text,
  sub: text,
  name: text,
  picture: text,
  email: text,
  verified_email: flag,
  email_verified: flag,
  hd: text,
})
const google: Reader = (_issuer, claims) => {
  const user = googleClaims.parse(claims)
  return {
    emails: onlyEmail(user.email, user.verified_email || user.email_verified),
    claims: {
      iss: user.iss,
      sub: user.sub,
      name: user.name,
      picture: user.picture,
      avatar_url: user.picture,
      full_name: user.name,
      provider_id: user.sub,
      ...(user.hd ? { custom_claims: { hd: user.hd } } : {}),
    },
  }
}

const named = z.object({ sub: text, email: text, name: text, picture: text })
const facebook: Reader = (iss, claims) => {
  const { sub, email, name, picture } = named.parse(claims)
  return { emails: onlyEmail(email, true), claims: { iss, sub, name, picture, provider_id: sub } }
}

const truth = z
  .union([z.boolean(), z.enum(['true', 'false', '1', '0', 't', 'f', 'T', 'F', 'TRUE', 'FALSE', 'True', 'False'])])
  .nullish()
  .transform((value) => (value == null ? undefined : value === true || /^(1|t)/i.test(String(value))))
const appleClaims = z.object({ sub: text, email: text, auth_time: real, is_private_email: truth, transfer_sub: text })
const apple: Reader = (iss, claims) => {
  const user = appleClaims.parse(claims)
  const custom = {
    ...(user.is_private_email === undefined ? {} : { is_private_email: user.is_private_email }),
    ...(claims['auth_time'] == null ? {} : { auth_time: user.auth_time }),
    ...(user.transfer_sub ? { transfer_sub: user.transfer_sub } : {}),
  }
  return {
    // An account without an address is told so later, as for every other provider.
    emails: onlyEmail(user.email, true),
    claims: { iss, sub: user.sub, provider_id: user.sub, ...(Object.keys(custom).length > 0 ? { custom_claims: custom } : {}) },
  }
}

const linkedinClaims = z.object({
  sub: text,
  email: text,
  // LinkedIn writes a boolean as text.
  email_verified: truth.refine((value) => value !== undefined, 'true or false'),
  family_name: text,
  given_name: text,
  locale: text,
  picture: text,
})
const linkedin: Reader = (iss, claims) => {
  const user = linkedinClaims.parse(claims)
  return {
    emails: onlyEmail(user.email, user.email_verified === true),
    claims: {
      iss,
      sub: user.sub,
      name: `${user.given_name} ${user.family_name}`.trim(),
      given_name: user.given_name,
      family_name: user.family_name,
      locale: user.locale,
      picture: user.picture,
      provider_id: user.sub,
    },
  }
}

const azureClaims = z.object({ sub: text, email: text, name: text, preferred_username: text, xms_edov: z.unknown() })
const AZURE_PROTOCOL_CLAIMS: ReadonlySet<string> = new Set(
  'aud iss iat nbf exp c_hash at_hash aio nonce rh uti jti ver sub name preferred_username'.split(' '),
)
const azure: Reader = (iss, claims) => {
  const user = azureClaims.parse(claims)
  // Without the optional claim the address is one of a single tenant, which Microsoft vouches for.
  const vouched = user.xms_edov == null || user.xms_edov === true || user.xms_edov === '1' || user.xms_edov === 'true'
  return {
    emails: onlyEmail(user.email, vouched),
    claims: {
      iss,
      sub: user.sub,
      provider_id: user.sub,
      preferred_username: user.preferred_username,
      full_name: user.name,
      custom_claims: Object.fromEntries(Object.entries(claims).filter(([name]) => !AZURE_PROTOCOL_CLAIMS.has(name))),
    },
  }
}

const kakaoClaims = z.object({ sub: text, email: text, nickname: text, picture: text })
const kakao: Reader = (iss, claims) => {
  const { sub, email, nickname, picture } = kakaoClaims.parse(claims)
  return { emails: onlyEmail(email, true), claims: { iss, sub, name: nickname, preferred_username: nickname, provider_id: sub, picture } }
}

const vercelClaims = z.object({ sub: text, global_user_id: text, user_email: text, user_name: text, user_avatar_url: text })
const vercel: Reader = (iss, claims) => {
  const user = vercelClaims.parse(claims)
  const sub = user.global_user_id ? `global_user_id:${user.global_user_id}` : user.sub
  return {
    emails: onlyEmail(user.user_email, true),
    claims: { iss, sub, provider_id: sub, name: user.user_name, picture: user.user_avatar_url },
  }
}

/** The claims that have a place of their own; a claim of another type is an error, others are left out. */
const standard = z.object({
  iss: text,
  sub: text,
  // A list of several has no place.
  aud: z
    .union([z.string(), z.array(z.string())])
    .nullish()
    .transform((value) => (typeof value === 'string' ? value : value?.length === 1 ? value[0]! : '')),
  iat: real,
  exp: real,
  name: text,
  family_name: text,
  given_name: text,
  middle_name: text,
  nickname: text,
  preferred_username: text,
  profile: text,
  picture: text,
  website: text,
  gender: text,
  birthdate: text,
  zoneinfo: text,
  locale: text,
  updated_at: text,
  email: text,
  email_verified: flag,
  phone: text,
  phone_verified: flag,
  custom_claims: z
    .record(z.string(), z.unknown())
    .nullish()
    .transform((value) => value ?? undefined),
  full_name: text,
  avatar_url: text,
  slug: text,
  provider_id: text,
  user_name: text,
})
export const standardClaims = (claims: JsonMap): Claims => standard.parse(claims)
export const isStandardClaim = (name: string): boolean => Object.hasOwn(standard.shape, name)

const generic: Reader = (_issuer, claims) => {
  const user = standardClaims(claims)
  return { emails: onlyEmail(user.email ?? '', user.email_verified ?? false), claims: user }
}
const snapchat: Reader = (_issuer, claims) => {
  const user = standardClaims(claims)
  return { emails: onlyEmail(user.email ?? '', true), claims: user }
}

const readers: ReadonlyMap<string, Reader> = new Map([
  [ISSUERS.google, google],
  ['accounts.google.com', google],
  [ISSUERS.linkedin, linkedin],
  [ISSUERS.kakao, kakao],
  [ISSUERS.vercelMarketplace, vercel],
  [ISSUERS.facebook, facebook],
  [ISSUERS.snapchat, snapchat],
])
