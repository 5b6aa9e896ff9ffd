import { z } from 'zod'
import { audit } from '../../accounts/audit.ts'
import { errors } from '../../errors.ts'
import { PASSKEY_SELECTION, requireManagementAal, requirePasskeys, showPasskey, verified } from '../../passkeys/passkeys.ts'
import { isUuid } from '../../request/addresses.ts'
import { readBody, string } from '../../request/body.ts'
import { ok, type UserCall } from '../../request/call.ts'
import { userRoute } from '../../route.ts'
import type { AuthState } from '../../state.ts'
import { transaction } from '../../tables/database.ts'
import { insertCeremony, insertPasskey, listPasskeys, type Passkey, takeCeremony } from '../../tables/passkeys.ts'
import { lockUser } from '../../tables/users.ts'
import { aaguidText, passkeyName } from '../../webauthn/authenticators.ts'
import { creationResponse, type NewCredential, verifyCreation } from '../../webauthn/ceremony.ts'
import { creationOptions, readKept } from '../../webauthn/options.ts'
import { relyingParty } from '../../webauthn/relying-party.ts'

function authorize(call: UserCall): void {
  if (call.user.is_sso_user) throw errors.validation422('SSO users cannot register passkeys')
  requireManagementAal(call)
}

export const passkeyRegistrationOptions = userRoute({
  method: 'POST',
  path: '/passkeys/registration/options',
  gate: requirePasskeys,
  anonymous: false,
  async handle(call, state) {
    authorize(call)
    const { env, pool } = state
    const own = await listPasskeys(pool, call.user.id)
    if (own.length >= env.GOTRUE_PASSKEY_MAX_PASSKEYS_PER_USER) throw errors.tooManyPasskeys()
    const { options, kept } = creationOptions(
      relyingParty(env),
      call.user,
      own.map(({ credential_id: id }) => ({ id })),
      PASSKEY_SELECTION,
    )
    const expiresAt = new Date(Date.now() + env.GOTRUE_WEBAUTHN_CHALLENGE_EXPIRY_DURATION)
    const id = await insertCeremony(pool, 'registration', call.user.id, kept, expiresAt)
    return ok({ challenge_id: id, options, expires_at: Math.floor(expiresAt.getTime() / 1_000) })
  },
})

const body = z.object({ challenge_id: string, credential: z.unknown().optional() })

export const passkeyRegistrationVerify = userRoute({
  method: 'POST',
  path: '/passkeys/registration/verify',
  gate: requirePasskeys,
  anonymous: false,
  async handle(call, state) {
    authorize(call)
    const params = readCredential(call)
    const ceremony = await takeCeremony(state.pool, 'registration', call.user.id, params.challengeId)
    if (!ceremony) throw errors.passkeyChallengeNotFound()
    if (Date.now() > ceremony.expires_at.getTime()) throw errors.passkeyChallengeExpired()
    const response = creationResponse.safeParse(params.credential)
    if (!response.success) throw errors.passkeyRefused('Invalid credential response')
    const expected = readKept(ceremony.session_data, relyingParty(state.env))
    const credential = verified(() => verifyCreation(response.data, expected))
    const { id, friendly_name, created_at } = showPasskey(await store(state, call, credential))
    return ok({ id, friendly_name, created_at })
  },
})

export function readCredential(call: Pick<UserCall, 'body'>): { readonly challengeId: string; readonly credential: unknown } {
  const { challenge_id: challengeId, credential } = readBody(call, body)
  if (challengeId === '') throw errors.validation('challenge_id is required')
  if (credential === undefined || credential === null) throw errors.validation('credential is required')
  if (!isUuid(challengeId)) throw errors.validation('challenge_id must be a valid UUID')
  return { challengeId, credential }
}

const store = (state: AuthState, call: UserCall, credential: NewCredential): Promise<Passkey> =>
  transaction(state.pool, async (tx) => {
    // Two that come at once are counted one after the other.
    await lockUser(tx, call.user.id)
    const own = await listPasskeys(tx, call.user.id)
    if (own.length >= state.env.GOTRUE_PASSKEY_MAX_PASSKEYS_PER_USER) throw errors.tooManyPasskeys()
    const passkey = await insertPasskey(tx, {
      userId: call.user.id,
      credentialId: credential.id,
      publicKey: credential.publicKey,
      attestationType: credential.attestationType,
      aaguid: aaguidText(credential.aaguid),
      signCount: credential.signCount,
      transports: credential.transports,
      backupEligible: credential.data.backupEligible,
      backedUp: credential.data.backedUp,
      name: passkeyName(credential.aaguid),
    })
    if (!passkey) throw errors.passkeyExists()
    await audit(state, tx, call, call.user, 'passkey_created', { passkey_id: passkey.id })
    return passkey
  })
