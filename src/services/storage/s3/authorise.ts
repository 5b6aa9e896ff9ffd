// Who asks: by the server's own access key, which acts as the service role, or by a session token, which acts as its user under policies.
import type { IncomingMessage } from 'node:http'
import type { Caller } from '../caller/caller.ts'
import type { StorageContext } from '../context.ts'
import { refusals } from './refusals.ts'
import type { SignedRequest } from './signature/canonical-request.ts'
import { type Claim, claimOf, claimOfForm } from './signature/claim.ts'
import { checkPolicy, type LengthRange } from './signature/policy.ts'
import { type HostRules, signedHosts } from './signature/signed-host.ts'
import { type SigningKey, SigningKeys } from './signature/signing-key.ts'
import { type Credentials, type SignatureRules, verifyPolicy, verifyRequest } from './signature/verify.ts'
import { queryOf, type Target } from './uri.ts'

export interface Verified {
  readonly claim: Claim
  readonly key: SigningKey
  readonly caller: Caller
}

export class Authoriser {
  readonly rules: SignatureRules
  readonly #ctx: StorageContext
  readonly #hosts: HostRules
  readonly #keys = new SigningKeys()

  constructor(ctx: StorageContext) {
    const { env, config } = ctx
    this.#ctx = ctx
    this.rules = { region: env.STORAGE_S3_REGION ?? env.REGION ?? '', alias: env.REGION, enforceRegion: env.S3_PROTOCOL_ENFORCE_REGION }
    this.#hosts = {
      publicUrl: config.publicUrl,
      allowForwarded: env.S3_ALLOW_FORWARDED_HEADER,
      header: env.S3_PROTOCOL_NON_CANONICAL_HOST_HEADER?.toLowerCase(),
    }
  }

  /** Of a request that carries a signature; undefined where there is none. Throws for one that does not hold. */
  async request(request: IncomingMessage, target: Target): Promise<Verified | undefined> {
    const claim = claimOf(request.headers, queryOf(target.pairs))
    if (claim === undefined) return undefined
    const signed: SignedRequest = {
      method: request.method ?? 'GET',
      path: target.path,
      pairs: target.pairs,
      headers: request.headers,
      prefixes: this.#prefixes(request),
      hosts: signedHosts(request.headers, this.#hosts),
    }
    const key = verifyRequest(claim, signed, this.#credentials(claim), this.rules, this.#keys, Date.now())
    return { claim, key, caller: await this.#caller(claim) }
  }

  /** Of a form, whose signature is over its policy. `fields` by lower-case name. */
  async form(fields: ReadonlyMap<string, string>, bucket: string): Promise<{ caller: Caller; range: LengthRange | undefined }> {
    const claim = claimOfForm(fields)
    const policy = fields.get('policy') ?? ''
    verifyPolicy(claim, policy, this.#credentials(claim), this.rules, this.#keys)
    const range = checkPolicy(policy, fields, bucket, Date.now())
    return { caller: await this.#caller(claim), range }
  }

  #caller({ sessionToken }: Claim): Promise<Caller> | Caller {
    const { tokens } = this.#ctx
    return sessionToken === undefined ? tokens.service : tokens.caller(sessionToken)
  }

  #credentials({ sessionToken }: Claim): Credentials {
    const { env, config, tokens } = this.#ctx
    // The token is the credential and is verified for itself: what it is signed with is known to everybody (newer servers of upstream take
    // the tenant's id, older ones the anon key).
    if (sessionToken !== undefined) return { accessKey: config.tenantId, secrets: [tokens.anonKey, config.tenantId] }
    const { S3_PROTOCOL_ACCESS_KEY_ID: id, S3_PROTOCOL_ACCESS_KEY_SECRET: secret } = env
    if (!id || !secret) throw refusals.accessDenied('Missing S3 Protocol Access Key ID or Secret Key Environment variables')
    return { accessKey: id, secrets: [secret] }
  }

  /** What the client had before the path: a gateway has cut it. */
  #prefixes({ headers }: IncomingMessage): string[] {
    const { env, config } = this.#ctx
    const forwarded = headers['x-forwarded-prefix']
    const prefixes = [env.S3_PROTOCOL_PREFIX, '']
    if (config.allowForwardedPath && typeof forwarded === 'string') prefixes.unshift(forwarded)
    return [...new Set(prefixes)]
  }
}
