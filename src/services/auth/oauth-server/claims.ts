// What a client learns of a person, by the scopes it was granted: in the ID token and, a little differently, from the userinfo endpoint.
import { isConfirmed, isPhoneConfirmed, type User } from '../tables/users.ts'

/** The first of these metadata fields that holds text. */
function textOf(user: User, ...fields: readonly string[]): string | undefined {
  for (const field of fields) {
    const value = Object.hasOwn(user.raw_user_meta_data, field) ? user.raw_user_meta_data[field] : undefined
    if (typeof value === 'string' && value !== '') return value
  }
  return undefined
}

const profile = (user: User) => ({
  name: textOf(user, 'name') ?? (user.email || undefined),
  picture: textOf(user, 'picture', 'avatar_url'),
  preferred_username: textOf(user, 'preferred_username', 'username'),
  updated_at: Math.floor(user.updated_at.getTime() / 1_000),
})

/** Answer of the userinfo endpoint; keys without a value vanish. */
export function userInfo(user: User, scopes: readonly string[]) {
  return {
    sub: user.id,
    ...(scopes.includes('email') ? { email: user.email || undefined, email_verified: isConfirmed(user) || undefined } : {}),
    ...(scopes.includes('profile') ? { ...profile(user), user_metadata: user.raw_user_meta_data } : {}),
    ...(scopes.includes('phone') ? { phone: user.phone || undefined, phone_verified: isPhoneConfirmed(user) || undefined } : {}),
  }
}

/** Claims of the ID token about the person. */
export function identityClaims(user: User, scopes: readonly string[]) {
  return {
    ...(scopes.includes('email') ? { email: user.email || undefined, email_verified: isConfirmed(user) || undefined } : {}),
    ...(scopes.includes('phone')
      ? { phone_number: user.phone || undefined, phone_number_verified: isPhoneConfirmed(user) || undefined }
      : {}),
    ...(scopes.includes('profile') ? profile(user) : {}),
  }
}
