// Accounts of people whom somebody else knows: providers, SSO, wallets. Found, joined or made, and confirmed where the address is known to be
// theirs. Everything here runs in the caller's transaction but the hook before a new account.
import { errors, OAuthError } from '../errors.ts'
import { sendConfirmation } from '../otp/mail-codes.ts'
import { type ExternalUser, identityData } from '../providers/claims.ts'
import { audienceOf } from '../request/bearer.ts'
import type { JsonMap } from '../request/body.ts'
import type { Call } from '../request/call.ts'
import type { AuthState } from '../state.ts'
import { CommitWithError, type Db, type Tx } from '../tables/database.ts'
import { findIdentity, type Identity, insertIdentity, replaceIdentityData } from '../tables/identities.ts'
import { lockUserByToken } from '../tables/one-time-tokens.ts'
import { isBanned, isConfirmed, type NewUser, type User, updateUser } from '../tables/users.ts'
import { audit } from './audit.ts'
import { confirmEmail, mergeAppMetadata, mergeUserMetadata, removeUnconfirmed, syncProviders, withIdentities } from './change.ts'
import { beforeUserCreated, draftUser, storeUser } from './create.ts'
import { DEFAULT_DOMAIN, decideLinking, type Linking } from './linking.ts'
import { promoteIdentityEmail } from './unlink.ts'

export interface ExternalSignIn {
  /** `github`, `custom:acme`, `sso:<id>`, `web3`. */
  readonly provider: string
  readonly user: ExternalUser
  readonly emailOptional: boolean
}

export interface Accepted {
  readonly user: User
  /** The account was made now. */
  readonly created: boolean
}

const decide = (state: AuthState, db: Db, call: Call, { provider, user }: ExternalSignIn): Promise<Linking> =>
  decideLinking(state.env, db, provider, user.claims.sub, user.emails, audienceOf(state, call))

const draftOf = (state: AuthState, call: Call, signIn: ExternalSignIn, linking: Linking): NewUser =>
  draftUser({
    aud: audienceOf(state, call),
    email: linking.email,
    data: identityData(signIn.user.claims),
    providers: [signIn.provider],
    isSso: linking.domain !== DEFAULT_DOMAIN,
  })

/** Asks the hook about an account that would be made; gives the draft that it has seen. Outside of any transaction. */
export async function prepareExternal(state: AuthState, call: Call, signIn: ExternalSignIn): Promise<NewUser | undefined> {
  if (!state.hooks.enabled('BEFORE_USER_CREATED')) return undefined
  const linking = await decide(state, state.pool, call, signIn)
  if (linking.kind !== 'create') return undefined
  if (state.env.GOTRUE_DISABLE_SIGNUP) throw errors.signupDisabled()
  const draft = draftOf(state, call, signIn, linking)
  await beforeUserCreated(state, call, draft)
  return draft
}

/** The account of a sign-in. What the provider says is recorded; an account that nobody has confirmed yet is taken over. */
export async function acceptExternal(
  state: AuthState,
  tx: Tx,
  call: Call,
  signIn: ExternalSignIn,
  draft: NewUser | undefined,
): Promise<Accepted> {
  const linking = await decide(state, tx, call, signIn)
  const { user, identity } = await settle(state, tx, call, signIn, linking, draft)
  if (isBanned(user)) throw errors.banned()
  const expectsEmail = signIn.provider !== 'web3' && (!signIn.emailOptional || linking.email !== '')
  const created = linking.kind === 'create'
  if (!expectsEmail || isConfirmed(user)) {
    await audit(state, tx, call, user, 'login', { provider: signIn.provider })
    return { user, created }
  }
  const own = await removeUnconfirmed(tx, user, identity)
  if (linking.verified || state.env.GOTRUE_MAILER_AUTOCONFIRM) {
    await audit(state, tx, call, own, 'user_signedup', { provider: signIn.provider })
    return { user: await confirmEmail(tx, own), created }
  }
  const waiting = linking.email === '' ? own : await sendConfirmation({ state, tx, call }, own, false)
  // The account stays: the mail's link leads to it.
  if (!state.env.GOTRUE_MAILER_ALLOW_UNVERIFIED_EMAIL_SIGN_INS)
    throw new CommitWithError(errors.providerEmailUnverified(signIn.provider, linking.email !== ''))
  return { user: waiting, created }
}

async function settle(
  state: AuthState,
  tx: Tx,
  call: Call,
  signIn: ExternalSignIn,
  linking: Linking,
  draft: NewUser | undefined,
): Promise<{ readonly user: User; readonly identity: Identity }> {
  const data = identityData(signIn.user.claims)
  switch (linking.kind) {
    case 'several':
      throw errors.failure(`Multiple accounts with the same email address in the same linking domain detected: ${linking.domain}`)
    case 'exists': {
      const identity = await replaceIdentityData(tx, linking.identity.id, data)
      const user = await syncProviders(tx, await mergeUserMetadata(tx, linking.user, data))
      return { user: await withIdentities(tx, user), identity }
    }
    case 'link': {
      const identity = await addIdentity(tx, linking.user, signIn.provider, data)
      const user = await syncProviders(tx, await mergeUserMetadata(tx, linking.user, data))
      await auditLinked(state, tx, call, user, identity)
      return { user: await withIdentities(tx, user), identity }
    }
    case 'create': {
      if (state.env.GOTRUE_DISABLE_SIGNUP) throw errors.signupDisabled()
      const user = await storeUser(state, tx, draft ?? draftOf(state, call, signIn, linking))
      const identity = await addIdentity(tx, user, signIn.provider, data)
      return { user: { ...user, identities: [identity] }, identity }
    }
  }
}

async function addIdentity(tx: Tx, user: User, provider: string, data: JsonMap): Promise<Identity> {
  if (!data['sub']) throw new OAuthError('server_error', 'error missing provider id')
  try {
    return await insertIdentity(tx, user.id, provider, data)
  } catch (error) {
    throw errors.failure('Error creating identity', error)
  }
}

const auditLinked = (state: AuthState, tx: Tx, call: Call, user: User, identity: Identity): Promise<void> =>
  audit(state, tx, call, user, 'identity_linked', {
    identity_id: identity.id,
    provider: identity.provider,
    provider_id: identity.provider_id,
  })

/** An invitation is accepted by a provider that knows the invited address, verified or not: its token was in that mailbox. */
export async function acceptInvited(
  state: AuthState,
  tx: Tx,
  call: Call,
  { provider, user: external }: ExternalSignIn,
  token: string,
): Promise<User> {
  const invited = await lockUserByToken(tx, token, ['confirmation_token'])
  if (!invited) throw errors.inviteNotFound()
  if (!external.emails.some(({ email }) => email.toLowerCase() === invited.email))
    throw errors.validation('Invited email does not match emails from external provider')
  const data = identityData(external.claims)
  const identity = await addIdentity(tx, invited, provider, data)
  const named = await syncProviders(tx, await mergeAppMetadata(tx, invited, { provider }))
  const merged = await mergeUserMetadata(tx, named, data)
  await audit(state, tx, call, merged, 'invite_accepted', { provider })
  return confirmEmail(tx, await removeUnconfirmed(tx, merged, identity))
}

/** The identity is added to a user who is signed in. One without an address takes the identity's, and is permanent once it is verified. */
export async function linkExternal(
  state: AuthState,
  tx: Tx,
  call: Call,
  { provider, user: external }: ExternalSignIn,
  target: User,
): Promise<User> {
  const known = await findIdentity(tx, external.claims.sub, provider)
  if (known)
    throw errors.identityExists(known.user_id === target.id ? 'Identity is already linked' : 'Identity is already linked to another user')
  const identity = await addIdentity(tx, target, provider, identityData(external.claims))
  await auditLinked(state, tx, call, target, identity)
  const linked = await withIdentities(tx, target)
  const owned = target.email === '' ? await takeEmail(state, tx, call, linked, provider, external.claims.email_verified ?? false) : linked
  return withIdentities(tx, await syncProviders(tx, owned))
}

async function takeEmail(state: AuthState, tx: Tx, call: Call, user: User, provider: string, verified: boolean): Promise<User> {
  const promoted = await promoteIdentityEmail(state, tx, user, errors.linkEmailExists)
  if (promoted.email === '') return promoted
  if (!verified) {
    await sendConfirmation({ state, tx, call }, promoted, false)
    throw new CommitWithError(errors.linkedEmailUnverified(provider))
  }
  const confirmed = await confirmEmail(tx, promoted)
  return confirmed.is_anonymous ? updateUser(tx, confirmed, { is_anonymous: false }) : confirmed
}
