// Whether a password is a user's.
import type { AuthState } from '../state.ts'
import type { User } from '../tables/users.ts'

/** False too for a user without password. */
export const passwordFits = (state: AuthState, user: User, password: string): Promise<boolean> =>
  state.passwords.matches(state.cipher.open(user.id, user.encrypted_password), password)
