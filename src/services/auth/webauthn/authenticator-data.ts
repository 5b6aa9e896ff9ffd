// What an authenticator says and signs: for which site, whether somebody touched it, how often it was used, and, new, the credential.
import { CeremonyError, decodeMapAt } from './bytes.ts'

export interface AttestedCredential {
  readonly aaguid: Buffer
  readonly id: Buffer
  /** COSE, as it is. */
  readonly publicKey: Buffer
}

export interface AuthenticatorData {
  readonly rpIdHash: Buffer
  readonly userPresent: boolean
  readonly userVerified: boolean
  readonly backupEligible: boolean
  readonly backedUp: boolean
  readonly signCount: number
  readonly credential: AttestedCredential | undefined
}

const HEAD = 37
const MAX_CREDENTIAL_ID = 1023
const FLAG = { present: 0x01, verified: 0x04, eligible: 0x08, backedUp: 0x10, credential: 0x40, extensions: 0x80 } as const

/** Throws a CeremonyError unless every byte is accounted for. */
export function readAuthenticatorData(data: Buffer): AuthenticatorData {
  if (data.length < HEAD) throw new CeremonyError('authenticator data is too short')
  const flags = data[32]!
  const has = (flag: number): boolean => (flags & flag) !== 0
  let at = HEAD
  let credential: AttestedCredential | undefined
  if (has(FLAG.credential)) {
    if (data.length < at + 18) throw new CeremonyError('authenticator data is too short')
    const aaguid = data.subarray(at, at + 16)
    const length = data.readUInt16BE(at + 16)
    if (length === 0 || length > MAX_CREDENTIAL_ID) throw new CeremonyError('a credential id of impossible length')
    at += 18
    const id = data.subarray(at, at + length)
    if (id.length !== length) throw new CeremonyError('authenticator data is too short')
    at += length
    const key = decodeMapAt(data, at)
    credential = { aaguid, id, publicKey: data.subarray(at, at + key.length) }
    at += key.length
  }
  if (has(FLAG.extensions)) at += decodeMapAt(data, at).length
  if (at !== data.length) throw new CeremonyError('authenticator data with something behind it')
  if (has(FLAG.backedUp) && !has(FLAG.eligible)) throw new CeremonyError('backed up without being eligible for it')
  return {
    rpIdHash: data.subarray(0, 32),
    userPresent: has(FLAG.present),
    userVerified: has(FLAG.verified),
    backupEligible: has(FLAG.eligible),
    backedUp: has(FLAG.backedUp),
    signCount: data.readUInt32BE(33),
    credential,
  }
}
