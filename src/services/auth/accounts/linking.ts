// Whose account is it? Decided by the identity that a provider names, else by the verified addresses that come with it, and only among
// identities of the same linking domain.
import type { AuthEnv } from '../env.ts'
import type { ExternalEmail } from '../providers/claims.ts'
import type { Db } from '../tables/database.ts'
import { findIdentitiesByEmail, findIdentity, type Identity } from '../tables/identities.ts'
import { findDuplicateEmail, findUserById, findUsersByEmails, type User } from '../tables/users.ts'

export const DEFAULT_DOMAIN = 'default'

/** SSO providers are alone; others may have been put into a domain of their own; all else is one. */
export function linkingDomain(env: AuthEnv, provider: string): string {
  if (provider.startsWith('sso:')) return provider
  return env.GOTRUE_EXPERIMENTAL_PROVIDER_LINKING_DOMAINS.get(provider) ?? ownDomain(env, provider) ?? DEFAULT_DOMAIN
}
const ownDomain = (env: AuthEnv, provider: string): string | undefined =>
  env.GOTRUE_EXPERIMENTAL_PROVIDERS_WITH_OWN_LINKING_DOMAIN.includes(provider) ? provider : undefined

/** Providers whose accounts may have the address of another account. */
export const ownDomainProviders = (env: AuthEnv): readonly string[] => [
  ...env.GOTRUE_EXPERIMENTAL_PROVIDER_LINKING_DOMAINS.keys(),
  ...env.GOTRUE_EXPERIMENTAL_PROVIDERS_WITH_OWN_LINKING_DOMAIN,
]

interface Candidate {
  readonly domain: string
  /** The primary address; without one if the account that is made shall have none. */
  readonly email: string
  readonly verified: boolean
}
export type Linking =
  | (Candidate & { readonly kind: 'exists'; readonly user: User; readonly identity: Identity })
  | (Candidate & { readonly kind: 'link'; readonly user: User })
  | (Candidate & { readonly kind: 'create' })
  | (Candidate & { readonly kind: 'several' })

export async function decideLinking(
  env: AuthEnv,
  db: Db,
  provider: string,
  sub: string,
  emails: readonly ExternalEmail[],
  aud: string,
): Promise<Linking> {
  const primary = emails.findLast((email) => email.primary)
  const domain = linkingDomain(env, provider)
  const candidate = { domain, email: primary?.email.toLowerCase() ?? '', verified: primary?.verified ?? false }
  const identity = await findIdentity(db, sub, provider)
  if (identity) {
    const user = await findUserById(db, identity.user_id)
    if (!user) throw new Error('Cannot find the user of an identity')
    // Their address is the account's, whatever the provider says today.
    return { ...candidate, email: user.email, kind: 'exists', user, identity }
  }
  const verified = emails.filter((email) => email.verified || env.GOTRUE_MAILER_AUTOCONFIRM).map(({ email }) => email.toLowerCase())
  if (verified.length === 0) {
    const taken = candidate.email !== '' && (await findDuplicateEmail(db, candidate.email, aud, undefined, ownDomainProviders(env)))
    return { ...candidate, ...(taken ? { email: '' } : {}), kind: 'create' }
  }
  return decideByEmail(env, db, candidate, verified)
}

async function decideByEmail(env: AuthEnv, db: Db, candidate: Candidate, verified: readonly string[]): Promise<Linking> {
  const identities = await findIdentitiesByEmail(db, verified)
  const owners = new Set(
    identities.filter(({ provider }) => linkingDomain(env, provider) === candidate.domain).map(({ user_id }) => user_id),
  )
  if (owners.size > 1) return { ...candidate, kind: 'several' }
  const [owner] = owners
  if (owner !== undefined) {
    const user = await findUserById(db, owner)
    if (!user) throw new Error('Cannot find the user of an identity')
    return { ...candidate, kind: 'link', user }
  }
  const users = candidate.domain === DEFAULT_DOMAIN ? await findUsersByEmails(db, verified) : []
  if (users.length > 1) return { ...candidate, kind: 'several' }
  return users[0] ? { ...candidate, kind: 'link', user: users[0] } : { ...candidate, kind: 'create' }
}
