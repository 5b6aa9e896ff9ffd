// What a browser is asked: the options of `navigator.credentials`, as JSON, and what of them is kept until it answers. Both have the form
// that upstream's library gives them, so that a ceremony begun there can end here.
import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { User } from '../tables/users.ts'
import type { Expected, RelyingParty } from './ceremony.ts'
import { ALGORITHM_IDS } from './cose-key.ts'

const TIMEOUT_MS = 300_000
const NEVER = '0001-01-01T00:00:00Z'

export interface Selection {
  readonly residentKey?: 'required'
  readonly userVerification?: 'preferred'
}

/** The user handle: the id as text, in bytes. */
export const userHandle = (user: Pick<User, 'id'>): Buffer => Buffer.from(user.id)

const nameOf = (user: User): string => user.email || user.phone
function displayNameOf(user: User): string {
  const name = Object.hasOwn(user.raw_user_meta_data, 'name') ? user.raw_user_meta_data['name'] : undefined
  return typeof name === 'string' && name !== '' ? name : nameOf(user)
}

const descriptor = (id: Buffer, transports?: readonly string[]) => ({
  type: 'public-key',
  id: id.toString('base64url'),
  ...(transports?.length ? { transports } : {}),
})

/** 256 random bits. */
const newChallenge = (): string => randomBytes(32).toString('base64url')

/** For a new credential; authenticators that hold one of `known` refuse. */
export function creationOptions(
  rp: RelyingParty,
  user: User,
  known: readonly { readonly id: Buffer; readonly transports?: readonly string[] }[],
  selection: Selection,
) {
  const challenge = newChallenge()
  const params = ALGORITHM_IDS.map((alg) => ({ type: 'public-key', alg }))
  const options = {
    rp: { name: rp.name, id: rp.id },
    user: { name: nameOf(user), displayName: displayNameOf(user), id: userHandle(user).toString('base64url') },
    challenge,
    pubKeyCredParams: params,
    timeout: TIMEOUT_MS,
    ...(known.length > 0 ? { excludeCredentials: known.map(({ id, transports }) => descriptor(id, transports)) } : {}),
    authenticatorSelection: selection,
    ...(selection.residentKey ? { attestation: 'none' } : {}),
  }
  return { options, kept: { ...keep(rp, challenge, selection), user_id: userHandle(user).toString('base64'), credParams: params } }
}

/** For one of `allowed`, or for whichever the person picks. */
export function requestOptions(
  rp: RelyingParty,
  user: User | undefined,
  allowed: readonly { readonly id: Buffer; readonly transports: readonly string[] }[],
  selection: Selection,
) {
  const challenge = newChallenge()
  const options = {
    challenge,
    timeout: TIMEOUT_MS,
    rpId: rp.id,
    ...(allowed.length > 0 ? { allowCredentials: allowed.map(({ id, transports }) => descriptor(id, transports)) } : {}),
    ...selection,
  }
  const ids = allowed.map(({ id }) => id.toString('base64'))
  return {
    options,
    kept: {
      ...keep(rp, challenge, selection),
      user_id: user ? userHandle(user).toString('base64') : null,
      ...(ids.length > 0 ? { allowed_credentials: ids } : {}),
    },
  }
}

const keep = (rp: RelyingParty, challenge: string, selection: Selection) => ({
  challenge,
  rpId: rp.id,
  expires: NEVER,
  userVerification: selection.userVerification ?? '',
})

const kept = z.looseObject({
  challenge: z.string().min(16),
  rpId: z.string().catch(''),
  userVerification: z.string().catch(''),
  allowed_credentials: z.array(z.string()).nullish(),
})

export interface Kept extends Expected {
  /** Undefined where any may come. */
  readonly allowed: readonly Buffer[] | undefined
}

/** What was kept, as the ceremony needs it. */
export function readKept(stored: unknown, rp: RelyingParty): Kept {
  const { challenge, userVerification, allowed_credentials: allowed } = kept.parse(stored)
  return { challenge, userVerification, rp, allowed: allowed?.map((id) => Buffer.from(id, 'base64')) }
}
