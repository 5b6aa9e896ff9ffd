import type { z } from 'zod'
import { audit } from '../../accounts/audit.ts'
import { errors } from '../../errors.ts'
import { PASSKEY_SELECTION, requirePasskeys, verified } from '../../passkeys/passkeys.ts'
import { isUuid } from '../../request/addresses.ts'
import { ok } from '../../request/call.ts'
import { publicRoute } from '../../route.ts'
import type { AuthState } from '../../state.ts'
import { insertCeremony, listPasskeys, notePasskeyUse, type Passkey, takeCeremony } from '../../tables/passkeys.ts'
import { findUserById, isBanned, isConfirmed, isPhoneConfirmed, type User } from '../../tables/users.ts'
import { issueSession } from '../../tokens/issue.ts'
import { tokenTransaction } from '../../tokens/transaction.ts'
import { CeremonyError } from '../../webauthn/bytes.ts'
import { assertionResponse, type Verdict, verifyAssertion } from '../../webauthn/ceremony.ts'
import { type Kept, readKept, requestOptions } from '../../webauthn/options.ts'
import { relyingParty } from '../../webauthn/relying-party.ts'
import { readCredential } from './registration.ts'

/** Nobody is named: the person picks a passkey, and that names them. */
export const passkeyAuthenticationOptions = publicRoute({
  method: 'POST',
  path: '/passkeys/authentication/options',
  gate: requirePasskeys,
  limit: 'passkey',
  captcha: true,
  async handle(_call, { env, pool }) {
    const { userVerification } = PASSKEY_SELECTION
    const { options, kept } = requestOptions(relyingParty(env), undefined, [], userVerification ? { userVerification } : {})
    const expiresAt = new Date(Date.now() + env.GOTRUE_WEBAUTHN_CHALLENGE_EXPIRY_DURATION)
    const id = await insertCeremony(pool, 'authentication', null, kept, expiresAt)
    return ok({ challenge_id: id, options, expires_at: Math.floor(expiresAt.getTime() / 1_000) })
  },
})

export const passkeyAuthenticationVerify = publicRoute({
  method: 'POST',
  path: '/passkeys/authentication/verify',
  gate: requirePasskeys,
  async handle(call, state) {
    const params = readCredential(call)
    const ceremony = await takeCeremony(state.pool, 'authentication', null, params.challengeId)
    if (!ceremony) throw errors.passkeyChallengeNotFound()
    if (Date.now() > ceremony.expires_at.getTime()) throw errors.passkeyChallengeExpired()
    const response = assertionResponse.safeParse(params.credential)
    if (!response.success) throw errors.passkeyRefused('Invalid credential response')
    const { user, passkey, verdict } = await prove(state, response.data, readKept(ceremony.session_data, relyingParty(state.env)))
    checkUser(user)
    if (verdict.cloneWarning) state.log.warn({ request_id: call.id, passkey_id: passkey.id }, 'the counter of a passkey did not grow')
    const answer = await tokenTransaction(state, async (tx) => {
      await notePasskeyUse(tx, passkey.id, verdict.signCount)
      await audit(state, tx, call, user, 'login', { passkey_id: passkey.id })
      return issueSession(state, tx, call, user, 'passkey')
    })
    return ok(answer)
  },
})

interface Proven {
  readonly user: User
  readonly passkey: Passkey
  readonly verdict: Verdict
}

/** Whoever is unknown is answered like one whose signature is wrong. */
async function prove(state: AuthState, response: z.output<typeof assertionResponse>, expected: Kept): Promise<Proven> {
  const id = response.response.userHandle?.toString('utf8') ?? ''
  const user = isUuid(id) ? await findUserById(state.pool, id) : undefined
  const own = user ? await listPasskeys(state.pool, user.id) : []
  const passkey = own.find(({ credential_id: known }) => known.equals(response.rawId))
  return verified(() => {
    if (!user || !passkey) throw new CeremonyError('a passkey of nobody')
    const known = {
      id: passkey.credential_id,
      publicKey: passkey.public_key,
      signCount: passkey.sign_count,
      backupEligible: passkey.backup_eligible,
    }
    return { user, passkey, verdict: verifyAssertion(response, known, expected) }
  })
}

function checkUser(user: User): void {
  if (user.deleted_at) throw errors.userGone()
  if (user.email !== '' && !isConfirmed(user)) throw errors.emailUnconfirmed()
  if (user.phone !== '' && !isPhoneConfirmed(user)) throw errors.phoneUnconfirmed()
  if (isBanned(user)) throw errors.banned()
}
