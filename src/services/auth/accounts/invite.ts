// Accounts made for somebody else: no password, an e-mail identity, and the data of the invitation.
import type { JsonMap } from '../request/body.ts'
import type { AuthState } from '../state.ts'
import type { Tx } from '../tables/database.ts'
import { insertIdentity } from '../tables/identities.ts'
import type { NewUser, User } from '../tables/users.ts'
import { draftUser, storeUser } from './create.ts'

export const inviteDraft = (email: string, aud: string, data: JsonMap | undefined): NewUser =>
  draftUser({ aud, email, data, providers: ['email'] })

/** The row and its e-mail identity. */
export async function storeInvited(state: AuthState, tx: Tx, draft: NewUser): Promise<User> {
  const user = await storeUser(state, tx, draft)
  const data = { sub: user.id, email: user.email, email_verified: false, phone_verified: false }
  return { ...user, identities: [await insertIdentity(tx, user.id, 'email', data)] }
}
