// Issuers of ID tokens: their discovery documents and keys, fetched when first needed, kept for a while, and bounded in number, age and
// in how often a stranger's token can make us ask again.
import { type CompactVerifyResult, compactVerify, createLocalJWKSet, decodeProtectedHeader, errors as joseErrors } from 'jose'
import { z } from 'zod'
import type { Outgoing } from '../outgoing.ts'

const MAX_ISSUERS = 100
/** The algorithms of upstream's library; never `none`, never a shared secret. */
const ALGORITHMS = new Set(['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512', 'EdDSA'])
/** Unknown key ids lead to the issuer at most so often. */
const REFETCHES = 6
const REFETCH_WINDOW_MS = 60_000

const strings = z.array(z.string()).nullish()
const discovered = z.object({
  issuer: z.string(),
  authorization_endpoint: z.string().nullish(),
  token_endpoint: z.string().nullish(),
  userinfo_endpoint: z.string().nullish(),
  jwks_uri: z.string().nullish(),
  scopes_supported: strings,
  response_types_supported: strings,
  grant_types_supported: strings,
  subject_types_supported: strings,
  id_token_signing_alg_values_supported: strings,
})
export type Discovery = z.output<typeof discovered>

const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(200) })
type KeySet = ReturnType<typeof createLocalJWKSet>

export interface IssuerOptions {
  /** Where the document is; otherwise where the issuer must have it. */
  readonly discoveryUrl?: string
  /** The document may name another issuer (Apple has two). */
  readonly anyIssuer?: boolean
  /** Its address comes from an administrator of the API. */
  readonly guarded?: boolean
}

export const discoveryUrlOf = (issuer: string): string => `${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`

/** Fetches a discovery document; rejects in upstream's words unless it names the issuer. */
export async function discover(outgoing: Outgoing, issuer: string, options: IssuerOptions): Promise<Discovery> {
  const url = options.discoveryUrl ?? discoveryUrlOf(issuer)
  let answer: Awaited<ReturnType<Outgoing['send']>>
  try {
    answer = await outgoing.send(url, { ...(options.guarded ? { guarded: true } : {}) })
  } catch (error) {
    throw new Error(`oidc: discovery request to ${url} failed`, { cause: error })
  }
  if (answer.status !== 200) throw new Error(`oidc: discovery request to ${url} returned ${answer.status}`)
  const document = discovered.safeParse(parse(answer.text))
  if (!document.success) throw new Error(`oidc: failed to decode discovery document from ${url}`)
  if (document.data.issuer !== issuer && !options.anyIssuer)
    throw new Error(`oidc: issuer mismatch, expected ${JSON.stringify(issuer)} got ${JSON.stringify(document.data.issuer)}`)
  return document.data
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // refused as a document of no shape
  }
}

/** One issuer as it was discovered. */
export class Issuer {
  readonly document: Discovery
  readonly #outgoing: Outgoing
  readonly #guarded: boolean
  readonly #algorithms: string[]
  #keys: KeySet | undefined
  #fetching: Promise<KeySet> | undefined
  #fetches: number[] = []

  constructor(document: Discovery, outgoing: Outgoing, guarded: boolean) {
    this.document = document
    this.#outgoing = outgoing
    this.#guarded = guarded
    const named = (document.id_token_signing_alg_values_supported ?? []).filter((name) => ALGORITHMS.has(name))
    this.#algorithms = named.length > 0 ? named : ['RS256']
  }

  /** Verifies the signature only; claims are the caller's to judge. Rejects otherwise. */
  async verify(token: string): Promise<CompactVerifyResult> {
    const { alg } = decodeProtectedHeader(token)
    if (alg === undefined || !this.#algorithms.includes(alg))
      throw new Error('the token is signed by an algorithm that its issuer does not use')
    if (this.#keys) {
      try {
        return await this.#check(token, this.#keys)
      } catch (error) {
        if (!this.#mayFetch()) throw error
      }
    }
    return this.#check(token, await this.#fetch())
  }

  async #check(token: string, keys: KeySet): Promise<CompactVerifyResult> {
    const options = { algorithms: this.#algorithms }
    try {
      return await compactVerify(token, keys, options)
    } catch (error) {
      // Several keys fit a token that names none: one of them must verify it.
      if (!(error instanceof joseErrors.JWKSMultipleMatchingKeys)) throw error
      for await (const key of error) {
        try {
          return await compactVerify(token, key, options)
        } catch (refused) {
          if (!(refused instanceof joseErrors.JWSSignatureVerificationFailed)) throw refused
        }
      }
      throw new joseErrors.JWSSignatureVerificationFailed()
    }
  }

  #mayFetch(): boolean {
    const since = Date.now() - REFETCH_WINDOW_MS
    this.#fetches = this.#fetches.filter((at) => at > since)
    return this.#fetches.length < REFETCHES
  }

  /** Those who wait for the keys at the same time wait for one request. */
  #fetch(): Promise<KeySet> {
    if (this.#fetching) return this.#fetching
    this.#fetches.push(Date.now())
    this.#fetching = this.#load().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #load(): Promise<KeySet> {
    const { status, text } = await this.#outgoing.send(this.document.jwks_uri ?? '', { ...(this.#guarded ? { guarded: true } : {}) })
    if (status !== 200) throw new Error(`the key set endpoint answered ${status}`)
    this.#keys = createLocalJWKSet(keySet.parse(JSON.parse(text)))
    return this.#keys
  }
}

interface Entry {
  readonly issuer: Issuer
  readonly fetchedAt: number
}

export class IssuerCache {
  readonly #outgoing: Outgoing
  readonly #lifeMs: number
  readonly #entries = new Map<string, Entry>()
  readonly #fetching = new Map<string, Promise<Issuer>>()

  constructor(outgoing: Outgoing, lifeMs: number) {
    this.#outgoing = outgoing
    this.#lifeMs = lifeMs
  }

  /** From the cache while it is fresh; an old one serves on while its issuer cannot be reached. */
  async get(name: string, options: IssuerOptions = {}): Promise<Issuer> {
    const key = keyOf(name, options)
    const entry = this.#entries.get(key)
    if (entry && Date.now() - entry.fetchedAt < this.#lifeMs) {
      this.#entries.delete(key)
      this.#entries.set(key, entry)
      return entry.issuer
    }
    try {
      return await this.#fetch(key, name, options)
    } catch (error) {
      if (entry) return entry.issuer
      throw error
    }
  }

  forget(name: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(`${name}\n`)) this.#entries.delete(key)
  }

  #fetch(key: string, name: string, options: IssuerOptions): Promise<Issuer> {
    const running = this.#fetching.get(key)
    if (running) return running
    const promise = discover(this.#outgoing, name, options)
      .then((document) => {
        const issuer = new Issuer(document, this.#outgoing, options.guarded ?? false)
        this.#entries.delete(key)
        this.#entries.set(key, { issuer, fetchedAt: Date.now() })
        if (this.#entries.size > MAX_ISSUERS) this.#entries.delete(this.#entries.keys().next().value!)
        return issuer
      })
      .finally(() => this.#fetching.delete(key))
    this.#fetching.set(key, promise)
    return promise
  }
}

// An administrator's provider must not find what was fetched without the guard, nor the other way round.
const keyOf = (name: string, { discoveryUrl = '', guarded = false }: IssuerOptions): string => `${name}\n${guarded}\n${discoveryUrl}`
