// Both ceremonies of WebAuthn (https://www.w3.org/TR/webauthn-3/ §7.1 and §7.2): what a browser brings back is checked against what it was asked.
import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { sameText } from '../request/pkce.ts'
import { type AuthenticatorData, readAuthenticatorData } from './authenticator-data.ts'
import { bytes, type CborMap, CeremonyError, decodeMap } from './bytes.ts'
import { readCoseKey } from './cose-key.ts'

export interface RelyingParty {
  readonly id: string
  readonly name: string
  readonly origins: readonly string[]
}

/** What was asked: kept between the two requests. */
export interface Expected {
  readonly challenge: string
  readonly rp: RelyingParty
  readonly userVerification: string
}

const common = { id: z.string(), rawId: bytes, type: z.literal('public-key'), authenticatorAttachment: z.string().nullish() }

/** `PublicKeyCredential.toJSON()` of a new credential. */
export const creationResponse = z.object({
  ...common,
  response: z.object({ clientDataJSON: bytes, attestationObject: bytes, transports: z.array(z.string().max(64)).max(16).nullish() }),
})
/** The same of one that is used. */
export const assertionResponse = z.object({
  ...common,
  response: z.object({ clientDataJSON: bytes, authenticatorData: bytes, signature: bytes, userHandle: bytes.nullish() }),
})

export interface NewCredential {
  readonly id: Buffer
  readonly publicKey: Buffer
  readonly aaguid: Buffer
  readonly signCount: number
  readonly transports: readonly string[]
  readonly attestationType: 'none' | 'basic_surrogate'
  readonly data: AuthenticatorData
}

/** The credential that the browser made for this challenge. Throws a CeremonyError. */
export function verifyCreation({ rawId, response }: z.output<typeof creationResponse>, expected: Expected): NewCredential {
  checkClientData(response.clientDataJSON, 'webauthn.create', expected)
  const object = decodeMap(response.attestationObject)
  const authData = object.get('authData')
  if (!(authData instanceof Uint8Array)) throw new CeremonyError('no authenticator data')
  const raw = Buffer.from(authData)
  const data = readAuthenticatorData(raw)
  checkAuthenticator(data, expected)
  const { credential } = data
  if (!credential) throw new CeremonyError('no new credential')
  if (!credential.id.equals(rawId)) throw new CeremonyError('the credential has two ids')
  const signed = Buffer.concat([raw, sha256(response.clientDataJSON)])
  return {
    ...credential,
    signCount: data.signCount,
    transports: response.transports ?? [],
    attestationType: checkAttestation(object, readCoseKey(credential.publicKey), signed),
    data,
  }
}

/** We ask for no attestation. Browsers then send none, or leave one that the new key itself has signed. */
function checkAttestation(object: CborMap, key: ReturnType<typeof readCoseKey>, signed: Buffer): NewCredential['attestationType'] {
  const [format, statement] = [object.get('fmt'), object.get('attStmt')]
  if (!(statement instanceof Map)) throw new CeremonyError('no attestation statement')
  if (format === 'none' && statement.size === 0) return 'none'
  if (format !== 'packed' || statement.has('x5c')) throw new CeremonyError('an attestation that was not asked for')
  const signature: unknown = statement.get('sig')
  if (statement.get('alg') !== key.algorithm || !(signature instanceof Uint8Array) || !key.verifies(signed, signature))
    throw new CeremonyError('an attestation whose signature is wrong')
  return 'basic_surrogate'
}

export interface KnownCredential {
  readonly id: Buffer
  readonly publicKey: Buffer
  readonly signCount: number
  readonly backupEligible: boolean
}

export interface Verdict {
  readonly signCount: number
  /** The counter did not grow: another device may hold the same key. */
  readonly cloneWarning: boolean
}

/** The credential signed this challenge. Throws a CeremonyError. */
export function verifyAssertion(
  { rawId, response }: z.output<typeof assertionResponse>,
  credential: KnownCredential,
  expected: Expected,
): Verdict {
  if (!credential.id.equals(rawId)) throw new CeremonyError('another credential')
  checkClientData(response.clientDataJSON, 'webauthn.get', expected)
  const data = readAuthenticatorData(response.authenticatorData)
  checkAuthenticator(data, expected)
  if (data.backupEligible !== credential.backupEligible)
    throw new CeremonyError('the credential is eligible for backup now and was not, or was')
  const signed = Buffer.concat([response.authenticatorData, sha256(response.clientDataJSON)])
  if (!readCoseKey(credential.publicKey).verifies(signed, response.signature)) throw new CeremonyError('the signature is wrong')
  const counts = data.signCount !== 0 || credential.signCount !== 0
  const cloneWarning = counts && data.signCount <= credential.signCount
  return { signCount: cloneWarning ? credential.signCount : data.signCount, cloneWarning }
}

const clientData = z.looseObject({ type: z.string(), challenge: z.string(), origin: z.string(), crossOrigin: z.boolean().optional() })

function checkClientData(raw: Buffer, type: string, { challenge, rp }: Expected): void {
  const { success, data } = clientData.safeParse(parse(raw))
  if (!success) throw new CeremonyError('malformed client data')
  if (data.type !== type) throw new CeremonyError('another ceremony')
  if (!sameText(data.challenge.replace(/=+$/, ''), challenge)) throw new CeremonyError('another challenge')
  if (!rp.origins.some((origin) => origin.toLowerCase() === data.origin.toLowerCase())) throw new CeremonyError('another origin')
  if (data.crossOrigin === true) throw new CeremonyError('asked from within the page of another site')
}

function parse(raw: Buffer): unknown {
  try {
    return JSON.parse(raw.toString('utf8'))
  } catch (error) {
    throw new CeremonyError('malformed client data', { cause: error })
  }
}

function checkAuthenticator(data: AuthenticatorData, { rp, userVerification }: Expected): void {
  if (!timingSafeEqual(data.rpIdHash, sha256(rp.id))) throw new CeremonyError('another relying party')
  if (!data.userPresent) throw new CeremonyError('nobody was there')
  if (userVerification === 'required' && !data.userVerified) throw new CeremonyError('nobody was verified')
}

const sha256 = (data: string | Uint8Array): Buffer => createHash('sha256').update(data).digest()
