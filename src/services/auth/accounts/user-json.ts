// How a user is shown: upstream's field names and order, absent times left out, nothing secret.
import type { Factor } from '../tables/factors.ts'
import type { Identity } from '../tables/identities.ts'
import type { User } from '../tables/users.ts'

const time = (value: Date | string | null): string | undefined => (value === null ? undefined : new Date(value).toISOString())
const given = (text: string): string | undefined => text || undefined

export interface ShowOptions {
  /** `null` where the query did not load them (the admin's list). */
  readonly identities?: readonly Identity[] | null
}

/** Keys whose value is undefined vanish when the answer is written. */
export function showUser(user: User, { identities = user.identities }: ShowOptions = {}) {
  return {
    id: user.id,
    aud: user.aud,
    role: user.role,
    email: user.email,
    email_confirmed_at: time(user.email_confirmed_at),
    invited_at: time(user.invited_at),
    phone: user.phone,
    phone_confirmed_at: time(user.phone_confirmed_at),
    confirmation_sent_at: time(user.confirmation_sent_at),
    confirmed_at: time(user.confirmed_at),
    recovery_sent_at: time(user.recovery_sent_at),
    new_email: given(user.email_change),
    email_change_sent_at: time(user.email_change_sent_at),
    new_phone: given(user.phone_change),
    phone_change_sent_at: time(user.phone_change_sent_at),
    reauthentication_sent_at: time(user.reauthentication_sent_at),
    last_sign_in_at: time(user.last_sign_in_at),
    app_metadata: user.raw_app_meta_data,
    user_metadata: user.raw_user_meta_data,
    factors: user.factors.length > 0 ? user.factors.map(showFactor) : undefined,
    identities: identities === null ? null : identities.map(showIdentity),
    created_at: time(user.created_at),
    updated_at: time(user.updated_at),
    banned_until: time(user.banned_until),
    deleted_at: time(user.deleted_at),
    is_anonymous: user.is_anonymous,
  }
}
export type ShownUser = ReturnType<typeof showUser>

export function showIdentity(identity: Identity) {
  return {
    identity_id: identity.id,
    id: identity.provider_id,
    user_id: identity.user_id,
    identity_data: identity.identity_data,
    provider: identity.provider,
    last_sign_in_at: time(identity.last_sign_in_at),
    created_at: time(identity.created_at),
    updated_at: time(identity.updated_at),
    email: identity.email ?? undefined,
  }
}

export function showFactor(factor: Factor) {
  return {
    id: factor.id,
    created_at: time(factor.created_at),
    updated_at: time(factor.updated_at),
    status: factor.status,
    friendly_name: factor.friendly_name || undefined,
    factor_type: factor.factor_type,
    phone: factor.phone ?? '',
    last_challenged_at: time(factor.last_challenged_at) ?? null,
    web_authn_aaguid: factor.web_authn_aaguid ?? undefined,
    last_webauthn_challenge_data: factor.last_webauthn_challenge_data ?? undefined,
  }
}
