// What a client claims with a signature of version 4, wherever it stands: in the Authorization header, in the query, in a form.
// Nothing is verified here. Names and messages are upstream's (storage/protocols/s3/signature-v4.ts).
import type { IncomingHttpHeaders } from 'node:http'
import { errors } from '../../errors.ts'
import { refusals } from '../refusals.ts'

export const ALGORITHM = 'AWS4-HMAC-SHA256'

export interface Claim {
  readonly from: 'header' | 'query' | 'form'
  readonly accessKey: string
  /** `20260131` */
  readonly day: string
  readonly region: string
  readonly service: string
  readonly signature: string
  /** In lower case, in the client's order; empty in a form. */
  readonly signedHeaders: readonly string[]
  /** `20260131T120000Z` */
  readonly time: string
  readonly sessionToken: string | undefined
  /** The hash of the body as it was signed, where the client names it. */
  readonly payload: string | undefined
  /** Of a signed query. */
  readonly expiresSeconds: number | undefined
}

export function claimOf(headers: IncomingHttpHeaders, query: ReadonlyMap<string, string>): Claim | undefined {
  // A signed query may come with an Authorization header that somebody on the way has added.
  if (headers.authorization?.startsWith(`${ALGORITHM} `)) return fromHeader(headers.authorization, headers)
  if (query.has('X-Amz-Credential')) return fromQuery(query)
  return undefined
}

function fromHeader(authorization: string, headers: IncomingHttpHeaders): Claim {
  const fields = new Map<string, string>()
  for (const part of authorization.slice(ALGORITHM.length + 1).split(',')) {
    const at = part.indexOf('=')
    if (at > 0) fields.set(part.slice(0, at).trim(), part.slice(at + 1).trim())
  }
  return build('header', {
    credential: fields.get('Credential'),
    signedHeaders: fields.get('SignedHeaders'),
    signature: fields.get('Signature'),
    time: one(headers['x-amz-date']),
    sessionToken: one(headers['x-amz-security-token']),
    payload: one(headers['x-amz-content-sha256']),
  })
}

function fromQuery(query: ReadonlyMap<string, string>): Claim {
  const claim = build('query', {
    credential: query.get('X-Amz-Credential'),
    signedHeaders: query.get('X-Amz-SignedHeaders'),
    signature: query.get('X-Amz-Signature'),
    time: query.get('X-Amz-Date'),
    sessionToken: query.get('X-Amz-Security-Token'),
    payload: query.get('X-Amz-Content-Sha256'),
  })
  if (query.get('X-Amz-Algorithm') !== ALGORITHM) throw errors.invalidSignature('Unsupported authorization type')
  // A URL without an end would be good for ever.
  const expires = query.get('X-Amz-Expires') ?? ''
  if (!/^\d{1,12}$/.test(expires)) throw errors.invalidSignature('Invalid expiration')
  return { ...claim, expiresSeconds: Number(expires) }
}

/** Of a browser's form; its names in lower case. */
export function claimOfForm(fields: ReadonlyMap<string, string>): Claim {
  return build('form', {
    credential: fields.get('x-amz-credential'),
    signedHeaders: '',
    signature: fields.get('x-amz-signature'),
    time: fields.get('x-amz-date'),
    sessionToken: fields.get('x-amz-security-token'),
    payload: undefined,
  })
}

interface Parts {
  readonly credential: string | undefined
  readonly signedHeaders: string | undefined
  readonly signature: string | undefined
  readonly time: string | undefined
  readonly sessionToken: string | undefined
  readonly payload: string | undefined
}

function build(from: Claim['from'], parts: Parts): Claim {
  const { credential, signedHeaders, signature, time } = parts
  if (credential === undefined || signedHeaders === undefined || signature === undefined || time === undefined)
    throw errors.invalidSignature('Invalid signature format')
  const pieces = credential.split('/')
  if (pieces.length !== 5 || pieces[4] !== 'aws4_request') throw errors.invalidSignature('Invalid credentials')
  const [accessKey, day, region, service] = pieces as [string, string, string, string]
  if (momentOf(time) === undefined || !time.startsWith(`${day}T`)) throw errors.invalidSignature('Invalid signature format')
  return {
    from,
    accessKey,
    day,
    region,
    service,
    signature,
    signedHeaders: signedHeaders === '' ? [] : signedHeaders.toLowerCase().split(';'),
    time,
    sessionToken: parts.sessionToken || undefined,
    payload: parts.payload || undefined,
    expiresSeconds: undefined,
  }
}

const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value)

/** Milliseconds of `20260131T120000Z`. */
export function momentOf(time: string): number | undefined {
  const found = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(time)
  if (found === null) return undefined
  const [, year, month, day, hour, minute, second] = found
  const moment = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return Number.isNaN(moment) ? undefined : moment
}

/** How far a client's clock may be off: AWS's bound. */
const SKEW_MS = 15 * 60_000

/** Throws where the claim's time has passed, or has not come. */
export function checkTime(claim: Claim, now: number): void {
  const made = momentOf(claim.time)!
  if (claim.expiresSeconds !== undefined) {
    if (made + claim.expiresSeconds * 1_000 < now) throw errors.expiredToken()
    if (made > now + SKEW_MS) throw refusals.accessDenied('Request is not valid yet')
    return
  }
  // A form ends with its policy.
  if (claim.from === 'header' && Math.abs(now - made) > SKEW_MS) throw refusals.timeTooSkewed()
}
