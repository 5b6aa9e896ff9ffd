// Says whether a request was signed by whom it claims, and gives the key that its chunks are signed with.
import type { IncomingHttpHeaders } from 'node:http'
import { errors } from '../../errors.ts'
import { refusals } from '../refusals.ts'
import { canonicalRequests, type SignedRequest } from './canonical-request.ts'
import { ALGORITHM, type Claim, checkTime } from './claim.ts'
import { type SigningKey, type SigningKeys, sha256 } from './signing-key.ts'

export interface Credentials {
  readonly accessKey: string
  /** Any of them signs. */
  readonly secrets: readonly string[]
}

export interface SignatureRules {
  /** Of this server; empty where it has none. */
  readonly region: string
  /** Another name that it answers to: what the stack tells, where the objects lie in another region. */
  readonly alias?: string | undefined
  readonly enforceRegion: boolean
}

const SERVICE = 's3'

/** Regions that every server answers to, unless its own is enforced. */
const ANY_REGION: ReadonlySet<string> = new Set(['auto', 'us-east-1', ''])

/**
 * What a request may carry beside what was signed. Any other `x-amz-` header changes what the request does, so whoever holds a signed URL
 * must not be able to add one (a presigned upload with `x-amz-copy-source` would copy what the signer can read).
 */
const MAY_BE_UNSIGNED: ReadonlySet<string> = new Set([
  'x-amz-cf-id',
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-decoded-content-length',
  'x-amz-request-payer',
  'x-amz-sdk-checksum-algorithm',
  'x-amz-trailer',
  'x-amz-user-agent',
])

/** The key of the signature that fits; throws AccessDenied, SignatureDoesNotMatch, ExpiredToken, RequestTimeTooSkewed. */
export function verifyRequest(
  claim: Claim,
  request: SignedRequest,
  credentials: Credentials,
  rules: SignatureRules,
  keys: SigningKeys,
  now: number,
): SigningKey {
  checkCredentials(claim, credentials, rules)
  checkTime(claim, now)
  const candidates = credentials.secrets.map((secret) => keys.of(secret, claim.day, regionOf(claim, rules), SERVICE))
  for (const text of canonicalRequests(claim, request)) {
    const hash = sha256(text)
    for (const key of candidates)
      if (key.verifies(`${ALGORITHM}\n${claim.time}\n${key.scope}\n${hash}`, claim.signature)) {
        checkCoverage(claim, request.headers)
        return key
      }
  }
  throw mismatch(claim)
}

/** A form's signature is over the text of its policy. */
export function verifyPolicy(claim: Claim, policy: string, credentials: Credentials, rules: SignatureRules, keys: SigningKeys): void {
  checkCredentials(claim, credentials, rules)
  const signs = (secret: string) => keys.of(secret, claim.day, regionOf(claim, rules), SERVICE).verifies(policy, claim.signature)
  if (!credentials.secrets.some(signs)) throw mismatch(claim)
}

function checkCredentials(claim: Claim, credentials: Credentials, rules: SignatureRules): void {
  if (claim.accessKey !== credentials.accessKey) throw refusals.accessDenied('Invalid Access Key')
  if (rules.enforceRegion && claim.region !== rules.region) throw refusals.accessDenied('Invalid Region')
  if (claim.service !== SERVICE) throw refusals.accessDenied('Invalid Service')
}

/** A client of another region is held against ours, and does not match. */
const regionOf = ({ region }: Claim, rules: SignatureRules): string =>
  !rules.enforceRegion && (ANY_REGION.has(region) || region === rules.alias) ? region : rules.region

function checkCoverage(claim: Claim, headers: IncomingHttpHeaders): void {
  const signed = new Set(claim.signedHeaders)
  const bare = !signed.has('host') || Object.keys(headers).some((name) => mustBeSigned(name) && !signed.has(name))
  if (bare) throw refusals.accessDenied('There were headers present in the request which were not signed')
}

const mustBeSigned = (name: string): boolean =>
  name.startsWith('x-amz-') && !name.startsWith('x-amz-checksum-') && !MAY_BE_UNSIGNED.has(name)

const mismatch = ({ sessionToken }: Claim) =>
  sessionToken === undefined ? errors.signatureDoesNotMatch() : refusals.sessionSignatureDoesNotMatch()
