// WebAuthn as a second factor: a security key or a platform's own authenticator, asked for a new credential while the factor is unverified
// and for a signature from then on.
import { z } from 'zod'
import { errors } from '../errors.ts'
import type { UserCall } from '../request/call.ts'
import type { AuthState } from '../state.ts'
import type { Tx } from '../tables/database.ts'
import {
  deleteChallenge,
  type Factor,
  findCredentials,
  type MfaChallenge,
  noteLastChallenge,
  type StoredCredential,
  saveCredential,
} from '../tables/factors.ts'
import { aaguidText } from '../webauthn/authenticators.ts'
import { CeremonyError } from '../webauthn/bytes.ts'
import { assertionResponse, creationResponse, type NewCredential, verifyAssertion, verifyCreation } from '../webauthn/ceremony.ts'
import { creationOptions, readKept, requestOptions } from '../webauthn/options.ts'
import { relyingParty } from '../webauthn/relying-party.ts'

export interface Asked {
  /** What the client gets. */
  readonly shown: { readonly type: 'create' | 'request'; readonly credential_options: { readonly publicKey: unknown } }
  /** What is kept until it answers. */
  readonly kept: unknown
}

export async function askWebAuthn(state: AuthState, call: UserCall, factor: Factor): Promise<Asked> {
  const rp = relyingParty(state.env)
  const known = (await findCredentials(state.pool, call.user.id)).map(({ id, transport }) => ({
    id: Buffer.from(id, 'base64'),
    transports: transport ?? [],
  }))
  if (factor.status === 'unverified') {
    const { options, kept } = creationOptions(rp, call.user, known, {})
    return { shown: { type: 'create', credential_options: { publicKey: options } }, kept }
  }
  if (known.length === 0) throw errors.failure('Found no credentials for user')
  const { options, kept } = requestOptions(rp, call.user, known, {})
  return { shown: { type: 'request', credential_options: { publicKey: options } }, kept }
}

export const webAuthnParams = z
  .object({ type: z.string().nullish(), credential_response: z.unknown().optional() })
  .nullish()
  .transform((value) => value ?? undefined)
export type WebAuthnParams = z.output<typeof webAuthnParams>

export interface Presented {
  readonly type: 'create' | 'request'
  readonly response: unknown
}

export function acceptWebAuthn(params: WebAuthnParams): Presented {
  if (!params) throw errors.validation('WebAuthn config required')
  const { type, credential_response: response } = params
  if (type !== 'create' && type !== 'request') throw errors.validation('WebAuthn type must be create or request')
  if (response === undefined || response === null) throw errors.validation('credential_response required')
  return { type, response }
}

/** What is left to be written once the factor was shown. */
export type Proof = (tx: Tx) => Promise<void>

/**
 * Checks what the authenticator brought. The state of the factor decides which ceremony it must be: a new credential would otherwise do
 * in place of the one that is enrolled.
 */
export async function proveWebAuthn(
  state: AuthState,
  call: UserCall,
  factor: Factor,
  challenge: MfaChallenge,
  { type, response }: Presented,
): Promise<Proof> {
  if ((type === 'create') !== (factor.status === 'unverified')) throw errors.validation('Invalid credential_response')
  const expected = readKept(challenge.web_authn_session_data, relyingParty(state.env))
  const shown = (type === 'create' ? creationResponse : assertionResponse).safeParse(response)
  if (!shown.success) throw errors.validation('Invalid credential_response')
  let credential: NewCredential | undefined
  if (type === 'create') credential = verifyCreation(creationResponse.parse(response), expected)
  else {
    const assertion = assertionResponse.parse(response)
    const known = await findCredentials(state.pool, call.user.id)
    try {
      checkAssertion(assertion, known, expected, call.user.id)
    } catch (error) {
      if (!(error instanceof CeremonyError)) throw error
      throw errors.failure('Failed to validate WebAuthn MFA response', error)
    }
  }
  return async (tx) => {
    if (!(await deleteChallenge(tx, challenge.id))) throw errors.challengeNotFound()
    if (credential) await saveCredential(tx, factor.id, storedOf(credential), aaguidText(credential.aaguid))
    await noteLastChallenge(tx, factor.id, { challenge: shownChallenge(challenge), type, credential_response: response })
  }
}

function checkAssertion(
  assertion: z.output<typeof assertionResponse>,
  known: readonly StoredCredential[],
  expected: ReturnType<typeof readKept>,
  userId: string,
): void {
  const { rawId, response } = assertion
  if (expected.allowed && !expected.allowed.some((id) => id.equals(rawId))) throw new CeremonyError('a credential that was not asked for')
  if (response.userHandle && response.userHandle.length > 0 && response.userHandle.toString('utf8') !== userId)
    throw new CeremonyError('the credential of another user')
  const credential = known.find(({ id }) => Buffer.from(id, 'base64').equals(rawId))
  if (!credential) throw new CeremonyError('an unknown credential')
  verifyAssertion(
    assertion,
    {
      id: rawId,
      publicKey: Buffer.from(credential.publicKey, 'base64'),
      signCount: credential.authenticator.signCount,
      backupEligible: credential.flags.backupEligible,
    },
    expected,
  )
}

const storedOf = ({ id, publicKey, attestationType, transports, data, aaguid, signCount }: NewCredential): StoredCredential => ({
  id: id.toString('base64'),
  publicKey: publicKey.toString('base64'),
  attestationType,
  transport: transports,
  flags: {
    userPresent: data.userPresent,
    userVerified: data.userVerified,
    backupEligible: data.backupEligible,
    backupState: data.backedUp,
  },
  authenticator: { AAGUID: aaguid.toString('base64'), signCount, cloneWarning: false, attachment: '' },
})

const shownChallenge = ({ id, factor_id, created_at, ip_address, web_authn_session_data }: MfaChallenge) => ({
  challenge_id: id,
  factor_id,
  created_at: created_at.toISOString(),
  ip_address,
  web_authn_session_data,
})
